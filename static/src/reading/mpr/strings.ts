/** The words of the three planes alone. */
import { strings } from '../../common/i18n';

export const planes = strings(
  {
    mprClose: 'Về ảnh gốc',
    mprHere: 'Đang tải {here}/{count} lát',
    mprMade: 'Ảnh tái tạo',
    mprLossy: 'Tái tạo từ ảnh nén mất dữ liệu',
    mprPreview: 'Tái tạo từ ảnh xem trước',
    mprMadeTip: 'Tính từ các lát cắt, nội suy giữa các điểm ảnh; không đo trên ảnh này.',
    planeAxial: 'Ngang',
    planeCoronal: 'Đứng ngang',
    planeSagittal: 'Đứng dọc',
  },
  {
    mprClose: 'Back to the images',
    mprHere: 'Loading {here}/{count} slices',
    mprMade: 'Reformatted',
    mprLossy: 'Reformatted from lossy images',
    mprPreview: 'Reformatted from previews',
    mprMadeTip: 'Computed from the slices, interpolated between voxels; not for measuring.',
    planeAxial: 'Axial',
    planeCoronal: 'Coronal',
    planeSagittal: 'Sagittal',
  },
);
