"""Measure queries of one or more servers, taking turns: C-FIND on open associations and QIDO-RS, each by Patient ID, by
day and by the beginning of a name; median and 95th percentile in ms, requests a second, and ratios.

    python -m bench.query --studies 100000 --own sqlite:////tmp/big.sqlite
    python -m bench.query --studies 1000 --own sqlite:////tmp/small.sqlite --orthanc

The studies are those of `bench.filling`. `--own` starts ours on an index of them, which is filled the first time and
kept; nothing is read back there, since there are no objects. `--orthanc` starts one on a scratch folder and sends it
the same studies; `--load` sends them to a target that does not have them yet. Targets as in `bench.run`; AE title
BENCH.
The row "answers" must be the same for all.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from bench.filling import fill, items
from bench.peers import ORTHANC, orthanc, own
from bench.questions import Question, questions
from bench.sending import CALLING
from bench.targets import Target
from bench.usage import listening
from bench.wire import rate
from pacs.association import command as commands
from pacs.association.contexts import EXPLICIT_LITTLE, Context
from pacs.dimse.identifier import encode
from pacs.send.negotiation import Proposal
from pacs.send.requestor import RequestedAssociation, request
from storage.index import hospitals, peers
from storage.index.database import Database
from storage.model.archive import Description, Hospital
from storage.model.people import Peer

DICOM_JSON = "application/dicom+json"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
KEYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyDescription",
)  # fmt: skip
Figures = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", default=[], type=Target.parse, dest="targets")
    parser.add_argument("--own", default="", metavar="URL", help="an index of bench.filling to start our server on")
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--load", action="append", default=[], metavar="NAME")
    parser.add_argument(
        "--orthanc", nargs="?", const=ORTHANC, default="", metavar="PROGRAM", help="also start Orthanc and load it"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for the scratch servers")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--pid", action="append", default=[], metavar="NAME=PID,…", help="also the CPU time of these and their children"
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if arguments.own:
            arguments.targets.insert(0, stack.enter_context(started(arguments.own, arguments.studies)))
        if arguments.orthanc:
            threads = max(4, *arguments.clients)  # it lets no more associations speak at a time
            peer = orthanc(arguments.folder, arguments.orthanc, DicomThreadsCount=threads)
            arguments.targets.append(stack.enter_context(peer))
            arguments.load.append("orthanc")
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Every kind of question to every server in turn, and the table."""
    targets: list[Target] = arguments.targets
    for target in targets:
        if target.name in arguments.load:
            began = time.perf_counter()
            load(target, (item[0] for item in items(Hospital(1, "main", ""), arguments.studies)))
            print(f"{target.name} loaded with {arguments.studies} studies in {time.perf_counter() - began:.0f} s")
    given = (one.partition("=") for one in arguments.pid)
    processes = {name: [int(pid) for pid in pids.split(",")] for name, _, pids in given}
    for target in targets:
        if target.pid and target.name not in processes:
            processes[target.name] = [target.pid]
    if arguments.own:
        processes[targets[0].name] = doors(targets[0])
    figures: Figures = {}
    work = questions(arguments.studies)
    for _ in range(arguments.repeat):
        for name, asked in work.items():
            for clients in arguments.clients:
                for target in targets:
                    pids = processes.get(target.name, [])
                    measure(target, name, asked, clients, arguments.seconds, figures, pids)
    report(figures, [target.name for target in targets])


@contextlib.contextmanager
def started(url: str, studies: int) -> Iterator[Target]:
    """Our server on this index, which is filled when it is empty, with the bench as a peer."""
    database = Database(url)
    database.migrate()
    with database.reading() as db:
        empty = not hospitals.all(db)
    if empty:
        print(f"filled with {studies} studies in {fill(database, studies):.0f} s")
    with database.writing() as db:
        hospital = hospitals.all(db)[0]
        if not any(peer.ae_title == CALLING for peer in peers.all(db)):
            allowed = frozenset({"query"})
            peers.add(db, Peer(CALLING, hospital.id, hospital.code, "127.0.0.1", 0, allowed))
    database.close()
    settings = f"index: {{url: '{url}'}}\nscrub: {{days: 0}}\n"
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder, own(Path(folder), settings=settings) as target:
        yield target


def doors(target: Target) -> list[int]:
    """The processes below this server that answer at its doors, and not those that work behind."""
    return listening(target.pid, (target.port, urlsplit(target.web).port or 0))


def measure(
    target: Target, name: str, asked: list[Question], clients: int, seconds: float, figures: Figures, pids: list[int]
) -> None:
    """One turn of one server at both its doors."""
    askers = [finder(target) for _ in range(clients)]
    identifiers = [identifier(question) for question in asked]
    answered = sum(askers[0](one) for one in identifiers) / len(asked)
    before = cpu_seconds(pids)
    times, took = together(askers, identifiers, seconds)
    ordered = sorted(times)
    median, p95 = (1000 * ordered[len(ordered) * part // 100] for part in (50, 95))
    used = 1000 * (cpu_seconds(pids) - before) / (len(times) + clients)
    rows = {"requests/s": len(times) / took, "median ms": median, "p95 ms": p95, "answers": answered, "CPU ms": used}
    _note(figures, f"C-FIND {name}, {clients} clients", target.name, rows)
    if not target.web:
        return
    # Orthanc takes what stands there as it stands: it decodes no %2A.
    paths = [f"/studies?{keyword}={quote(value, safe='*^')}" for keyword, value in asked]
    answered = sum(drained_text(target, path).count(b'"0020000D"') for path in paths) / len(asked)
    before = cpu_seconds(pids)
    found = rate(target, paths, DICOM_JSON, clients, seconds)
    used = 1000 * (cpu_seconds(pids) - before) / (found.per_second * seconds)
    rows = {
        "requests/s": found.per_second, "median ms": found.p50_ms, "p95 ms": found.p95_ms, "answers": answered,
        "CPU ms": used,
    }  # fmt: skip
    if found.reopened:
        rows["connections closed by the server"] = found.reopened
    _note(figures, f"QIDO-RS {name}, {clients} clients", target.name, rows)


def _note(figures: Figures, work: str, server: str, rows: dict[str, float]) -> None:
    for what, value in rows.items():
        if what != "CPU ms" or value:
            figures.setdefault(f"{work}, {what}", {}).setdefault(server, []).append(value)


def drained_text(target: Target, path: str) -> bytes:
    """One answer, on a connection of its own."""
    connection = target.connect()
    text = connection.get(path, DICOM_JSON)
    connection.close()
    return text


def cpu_seconds(pids: list[int]) -> float:
    """What these processes and their children have used."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            total += cpu_seconds([child for child in children if child not in pids])
    return total


def together(askers: list[Callable[[bytes], int]], asked: list[bytes], seconds: float) -> tuple[list[float], float]:
    """All ask for so long, each one question after the other; how long each answer took, and how long it all took."""
    times: list[list[float]] = [[] for _ in askers]
    until = time.perf_counter() + seconds

    def run(number: int) -> None:
        place = number
        while (began := time.perf_counter()) < until:
            askers[number](asked[place % len(asked)])
            times[number].append(time.perf_counter() - began)
            place += 1

    for number in range(len(askers)):
        askers[number](asked[number % len(asked)])  # warm: connections, pages of the index
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(askers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for each in times for one in each], time.perf_counter() - began


def finder(target: Target) -> Callable[[bytes], int]:
    """C-FIND on one association."""
    peer = Peer(target.ae_title, 0, "", target.host, target.port, frozenset())
    association = request(peer, "BENCH", [Proposal(STUDY_ROOT_FIND, (EXPLICIT_LITTLE,))])
    context = next(iter(association.contexts.values()))
    return lambda asked: find(association, context, asked)


def identifier(question: Question) -> bytes:
    """The identifier of a C-FIND, encoded before the clock starts."""
    keys = Dataset()
    keys.SpecificCharacterSet = "ISO_IR 192"
    keys.QueryRetrieveLevel = "STUDY"
    for keyword in KEYS:
        setattr(keys, keyword, None)
    setattr(keys, question[0], question[1])
    return encode(keys, EXPLICIT_LITTLE)


def find(association: RequestedAssociation, context: Context, asked: bytes) -> int:
    """The number of answers; raises RuntimeError unless the last status is success."""
    fields: dict[int, int | str] = {
        commands.AFFECTED_SOP_CLASS_UID: STUDY_ROOT_FIND,
        commands.COMMAND_FIELD: commands.C_FIND_RQ,
        commands.MESSAGE_ID: association.next_message_id(),
        commands.PRIORITY: 0,
        commands.DATASET_TYPE: commands.WITH_DATASET,
    }
    stream = association.stream
    stream.send_message(context.context_id, commands.encode(fields), asked)
    count = 0
    while True:
        _, answer = stream.read_command()
        if not answer.has_dataset:
            break
        stream.read_dataset(context.context_id, 1 << 20)
        count += 1
    if answer.status:
        raise RuntimeError(f"C-FIND: status {answer.status:04X}")
    return count


def load(target: Target, described: Iterable[Description]) -> None:
    """Send the studies, without pixels, on four associations of DCMTK's storescu."""
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        shares = [Path(folder) / str(number) for number in range(4)]
        for path in shares:
            path.mkdir()
        for number, one in enumerate(described):
            _write(shares[number % 4] / f"{number}.dcm", one)
        running = [
            subprocess.Popen(
                ["storescu", "-aet", "BENCH", "-aec", target.ae_title, "+sd", target.host, str(target.port), str(path)],
                env={"TCP_NODELAY": "1", "PATH": "/usr/bin:/bin:/usr/local/bin"},
            )
            for path in shares
        ]
        if any(process.wait() for process in running):
            raise RuntimeError(f"{target.name}: not everything could be stored")


def _write(path: Path, one: Description) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = one.instance.sop_class_uid, one.instance.sop_instance_uid
    dataset.StudyInstanceUID = one.study.study_instance_uid
    dataset.SeriesInstanceUID = one.series.series_instance_uid
    dataset.PatientName, dataset.PatientID = one.patient.name, one.patient.patient_id
    dataset.PatientBirthDate, dataset.PatientSex = str(one.patient.birth_date), one.patient.sex
    dataset.StudyDate, dataset.StudyTime = str(one.study.study_date), one.study.study_time
    dataset.AccessionNumber, dataset.StudyID = one.study.accession_number, one.study.study_id
    dataset.StudyDescription, dataset.Modality = one.study.description, one.series.modality
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def report(figures: Figures, names: list[str]) -> None:
    """Medians over the repetitions, and how much better the first server is than each other one."""
    for row in _rows(figures, names):
        print(row)


def _rows(figures: Figures, names: list[str]) -> Iterator[str]:
    width = max(len(work) for work in figures)
    yield f"{'':{width}}  " + "  ".join(f"{name:>12}" for name in names)
    for work, by_name in figures.items():
        medians = {name: statistics.median(values) for name, values in by_name.items()}
        row = f"{work:{width}}  " + "  ".join(f"{medians[n]:12,.2f}" if n in medians else f"{'–':>12}" for n in names)
        for other in names[1:]:
            if medians.get(other) and medians[names[0]]:
                ratio = medians[names[0]] / medians[other]
                row += f"  {1 / ratio if work.endswith('ms') else ratio:7.2f}×"
        yield row


if __name__ == "__main__":
    main()
