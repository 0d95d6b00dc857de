"""Words of a consultation as codes, each in Vietnamese and English: what one side picks, the other reads in its own
language. Codes are kept in the index and never change their meaning; words may be improved.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("vi", "en")


@dataclass(frozen=True, slots=True)
class Term:
    """A code and its words."""

    code: str
    vi: str
    en: str
    group: str = ""  # the code of the group it is shown in

    def text(self, language: str) -> str:
        """The words in this language; Vietnamese when it is not known."""
        return self.en if language == "en" else self.vi


def _terms(text: str, group: str = "") -> tuple[Term, ...]:
    """One term a line: ``code | vi | en``."""
    rows = (tuple(part.strip() for part in line.split("|")) for line in text.strip().splitlines())
    return tuple(Term(code, vi, en, group) for code, vi, en in rows)


CHIP_GROUPS = _terms("""
    general | Chung | General
    neuro | Thần kinh | Neuro
    chest | Ngực, tim mạch | Chest and vessels
    abdomen | Bụng, chậu | Abdomen and pelvis
    bones | Xương khớp | Bones and joints
    oncology | Ung bướu | Oncology
""")

# What is asked most; the question itself may say more.
CHIPS = (
    *_terms("""
    second_opinion | Xin ý kiến thứ hai | Second opinion, please
    what_is_it | Tổn thương này là gì? | What is this lesion?
    agree_with_us | Kết luận của chúng tôi có đúng không? | Do you agree with our reading?
    transfer_needed | Có cần chuyển tuyến không? | Is a transfer needed?
    operate_now | Có cần mổ cấp cứu không? | Is emergency surgery needed?
    next_step | Xử trí tiếp theo thế nào? | What should be done next?
    more_imaging | Cần chụp thêm gì? | Which further imaging?
    compare_prior | So với lần chụp trước thế nào? | How does it compare with the prior study?
    """, "general"),
    *_terms("""
    thrombolysis | Có chỉ định tiêu sợi huyết không? | Is thrombolysis indicated?
    thrombectomy | Có tắc mạch lớn, cần lấy huyết khối không? | Large-vessel occlusion: thrombectomy?
    brain_haemorrhage | Có xuất huyết nội sọ không? | Is there intracranial haemorrhage?
    head_injury | Chấn thương sọ não: có cần phẫu thuật không? | Head injury: is surgery needed?
    cord_compression | Có chèn ép tủy không? | Is the spinal cord compressed?
    """, "neuro"),
    *_terms("""
    lung_nodule | Có nốt phổi không, theo dõi thế nào? | Is there a lung nodule, and which follow-up?
    pneumonia_or_tb | Viêm phổi hay lao phổi? | Pneumonia or tuberculosis?
    pleura | Có tràn khí, tràn dịch màng phổi không? | Pneumothorax or pleural effusion?
    pulmonary_embolism | Có thuyên tắc động mạch phổi không? | Is there pulmonary embolism?
    aortic_dissection | Có lóc tách động mạch chủ không? | Is there aortic dissection?
    """, "chest"),
    *_terms("""
    acute_abdomen | Nguyên nhân đau bụng cấp là gì? | What causes the acute abdomen?
    appendicitis | Có viêm ruột thừa không? | Is it appendicitis?
    perforation | Có thủng tạng rỗng không? | Is a hollow organ perforated?
    liver_mass | Khối ở gan: bản chất là gì? | Liver mass: what kind?
    organ_injury | Chấn thương tạng đặc: phân độ? | Solid-organ injury: which grade?
    """, "abdomen"),
    *_terms("""
    fracture | Có gãy xương không, hướng xử trí? | Is there a fracture, and how to treat it?
    joint_infection | Có viêm xương khớp nhiễm khuẩn không? | Is there bone or joint infection?
    bone_tumour | Tổn thương xương: lành hay ác tính? | Bone lesion: benign or malignant?
    """, "bones"),
    *_terms("""
    staging | Xếp giai đoạn u thế nào? | What is the stage of the tumour?
    resectable | Còn khả năng phẫu thuật không? | Is it resectable?
    response | Đáp ứng điều trị thế nào? | What is the response to treatment?
    """, "oncology"),
)  # fmt: skip

SPECIALTIES = _terms("""
    general | Chẩn đoán hình ảnh chung | General radiology
    neuro | Thần kinh, sọ não | Neuroradiology
    stroke | Đột quỵ | Stroke
    neurosurgery | Phẫu thuật thần kinh | Neurosurgery
    head_neck | Đầu, mặt, cổ | Head and neck
    chest | Lồng ngực, hô hấp | Chest
    cardiac | Tim mạch | Cardiovascular
    abdomen | Tiêu hóa, ổ bụng | Abdomen
    urogenital | Tiết niệu, sinh dục | Urogenital
    breast | Tuyến vú | Breast
    bones | Cơ xương khớp | Musculoskeletal
    paediatric | Nhi khoa | Paediatrics
    obstetric | Sản, phụ khoa | Obstetrics and gynaecology
    oncology | Ung bướu | Oncology
    trauma | Cấp cứu, chấn thương | Emergency and trauma
    surgery | Ngoại khoa | Surgery
    interventional | Điện quang can thiệp | Interventional radiology
    infectious | Truyền nhiễm, lao | Infectious diseases and tuberculosis
    nuclear | Y học hạt nhân | Nuclear medicine
""")

URGENCIES = _terms("""
    emergency | Cấp cứu | Emergency
    urgent | Khẩn | Urgent
    routine | Thường quy | Routine
""")
URGENCY_MINUTES: Mapping[str, int] = {"emergency": 60, "urgent": 8 * 60, "routine": 3 * 24 * 60}

VERDICTS = _terms("""
    agree | Đồng ý | Agree
    differ | Ý kiến khác | Differ
    more | Cần thêm thông tin | Need more
""")

OUTCOMES = _terms("""
    yes | Tránh được chuyển tuyến | A transfer was avoided
    no | Vẫn phải chuyển tuyến | The patient was transferred
    na | Không liên quan đến chuyển tuyến | Transfer was not in question
""")

INFORMED = _terms("""
    oral | Đã giải thích trực tiếp cho người bệnh | Explained to the patient
    written | Người bệnh đồng ý bằng văn bản | Written consent of the patient
    relative | Đã giải thích cho người nhà | Explained to a relative
    emergency | Cấp cứu, chưa thể thông báo | Emergency, could not be informed yet
""")

# A finding is data: these make it up, with a size in millimetres.
ENTITIES = _terms("""
    normal | chưa thấy bất thường | no abnormality seen
    nodule | nốt | nodule
    mass | khối | mass
    lesion | tổn thương | lesion
    cyst | nang | cyst
    abscess | ổ áp xe | abscess
    consolidation | đông đặc | consolidation
    infiltrate | thâm nhiễm | infiltrate
    cavity | hang | cavity
    atelectasis | xẹp phổi | atelectasis
    emphysema | khí phế thũng | emphysema
    pleural_effusion | tràn dịch màng phổi | pleural effusion
    pneumothorax | tràn khí màng phổi | pneumothorax
    pericardial_effusion | tràn dịch màng ngoài tim | pericardial effusion
    lymph_node | hạch to | enlarged lymph node
    haemorrhage | xuất huyết | haemorrhage
    epidural | máu tụ ngoài màng cứng | epidural haematoma
    subdural | máu tụ dưới màng cứng | subdural haematoma
    subarachnoid | xuất huyết dưới nhện | subarachnoid haemorrhage
    infarct | nhồi máu | infarct
    oedema | phù | oedema
    midline_shift | đè đẩy đường giữa | midline shift
    hydrocephalus | giãn não thất | hydrocephalus
    aneurysm | phình mạch | aneurysm
    dissection | lóc tách | dissection
    thrombus | huyết khối | thrombus
    occlusion | tắc mạch | vascular occlusion
    stenosis | hẹp | stenosis
    dilatation | giãn | dilatation
    calcification | vôi hóa | calcification
    stone | sỏi | stone
    fracture | gãy xương | fracture
    dislocation | trật khớp | dislocation
    degeneration | thoái hóa | degenerative change
    disc_herniation | thoát vị đĩa đệm | disc herniation
    free_gas | khí tự do | free gas
    free_fluid | dịch tự do | free fluid
    obstruction | tắc ruột | bowel obstruction
    wall_thickening | dày thành | wall thickening
    fat_stranding | thâm nhiễm mỡ | fat stranding
    laceration | đường vỡ | laceration
    metastasis | di căn | metastasis
    foreign_body | dị vật | foreign body
""")

# vi | en; "left" and "right" are said with them
SITES = _terms("""
    brain | não | brain
    frontal_lobe | thùy trán | frontal lobe
    parietal_lobe | thùy đỉnh | parietal lobe
    temporal_lobe | thùy thái dương | temporal lobe
    occipital_lobe | thùy chẩm | occipital lobe
    basal_ganglia | nhân nền | basal ganglia
    thalamus | đồi thị | thalamus
    brainstem | thân não | brainstem
    cerebellum | tiểu não | cerebellum
    ventricle | não thất | ventricle
    mca | động mạch não giữa | middle cerebral artery
    ica | động mạch cảnh trong | internal carotid artery
    basilar | động mạch thân nền | basilar artery
    skull | xương sọ | skull
    sinuses | xoang cạnh mũi | paranasal sinuses
    neck | cổ | neck
    thyroid | tuyến giáp | thyroid
    lung | phổi | lung
    upper_lobe | thùy trên phổi | upper lobe of the lung
    middle_lobe | thùy giữa phổi | middle lobe of the lung
    lower_lobe | thùy dưới phổi | lower lobe of the lung
    lingula | thùy lưỡi | lingula
    hilum | rốn phổi | pulmonary hilum
    mediastinum | trung thất | mediastinum
    pulmonary_artery | động mạch phổi | pulmonary artery
    heart | tim | heart
    thoracic_aorta | động mạch chủ ngực | thoracic aorta
    abdominal_aorta | động mạch chủ bụng | abdominal aorta
    breast | vú | breast
    rib | xương sườn | rib
    liver | gan | liver
    gallbladder | túi mật | gallbladder
    bile_duct | đường mật | bile duct
    pancreas | tụy | pancreas
    spleen | lách | spleen
    kidney | thận | kidney
    ureter | niệu quản | ureter
    bladder | bàng quang | urinary bladder
    adrenal | tuyến thượng thận | adrenal gland
    stomach | dạ dày | stomach
    small_bowel | ruột non | small bowel
    appendix | ruột thừa | appendix
    colon | đại tràng | colon
    rectum | trực tràng | rectum
    peritoneum | ổ phúc mạc | peritoneal cavity
    retroperitoneum | khoang sau phúc mạc | retroperitoneum
    uterus | tử cung | uterus
    ovary | buồng trứng | ovary
    prostate | tuyến tiền liệt | prostate
    cervical_spine | cột sống cổ | cervical spine
    thoracic_spine | cột sống ngực | thoracic spine
    lumbar_spine | cột sống thắt lưng | lumbar spine
    pelvis | khung chậu | pelvis
    shoulder | khớp vai | shoulder
    elbow | khớp khuỷu | elbow
    wrist | cổ tay | wrist
    hip | khớp háng | hip
    femur | xương đùi | femur
    knee | khớp gối | knee
    ankle | cổ chân | ankle
""")

SIDES = _terms("""
    right | phải | right
    left | trái | left
    both | hai bên | bilateral
    midline | đường giữa | midline
""")

DENSITIES = _terms("""
    solid | đặc | solid
    part_solid | bán đặc | part-solid
    ground_glass | kính mờ | ground-glass
    cystic | dạng nang | cystic
    fatty | dạng mỡ | fatty
    calcified | vôi hóa | calcified
    hyperdense | tăng tỷ trọng | hyperdense
    hypodense | giảm tỷ trọng | hypodense
    hyperintense | tăng tín hiệu | hyperintense
    hypointense | giảm tín hiệu | hypointense
    enhancing | ngấm thuốc | enhancing
    non_enhancing | không ngấm thuốc | non-enhancing
""")

TRENDS = _terms("""
    new | mới | new
    stable | ổn định | stable
    larger | to hơn | larger
    smaller | nhỏ hơn | smaller
""")

CERTAINTIES = _terms("""
    definite | chắc chắn | definite
    probable | nhiều khả năng | probable
    possible | nghi ngờ | possible
    absent | không thấy | absent
""")

ALL: Mapping[str, tuple[Term, ...]] = {
    "chip_groups": CHIP_GROUPS,
    "chips": CHIPS,
    "specialties": SPECIALTIES,
    "urgencies": URGENCIES,
    "verdicts": VERDICTS,
    "outcomes": OUTCOMES,
    "informed": INFORMED,
    "entities": ENTITIES,
    "sites": SITES,
    "sides": SIDES,
    "densities": DENSITIES,
    "trends": TRENDS,
    "certainties": CERTAINTIES,
}
BY_CODE: Mapping[str, Mapping[str, Term]] = {name: {term.code: term for term in terms} for name, terms in ALL.items()}


def words(table: str, code: str, language: str) -> str:
    """What a code of this table means, in words; the code itself when it is not known."""
    term = BY_CODE[table].get(code)
    return code if term is None else term.text(language)
