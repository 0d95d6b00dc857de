/** Files out of what somebody drops: files, folders and folders in folders. */

export interface Found {
  file: File;
  /** The path inside the dropped folder. */
  name: string;
}

/**
 * All files of a drop. Must be called before the drop event ends, because the entries are gone afterwards;
 * `count` hears how many were found so far.
 */
export function collect(transfer: DataTransfer, count: (found: number) => void): Promise<Found[]> {
  const entries: FileSystemEntry[] = [];
  const plain: Found[] = [];
  for (const item of transfer.items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) entries.push(entry);
    else if (file) plain.push({ file, name: file.name });
  }
  return walk(entries, plain, count);
}

/** Files of a file input; folders chosen there come with their paths. */
export function chosen(files: FileList): Found[] {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name })).filter(({ name }) => !isLitter(name));
}

async function walk(entries: FileSystemEntry[], found: Found[], count: (found: number) => void): Promise<Found[]> {
  const todo = [...entries];
  let entry: FileSystemEntry | undefined;
  while ((entry = todo.pop())) {
    if (isLitter(entry.name)) continue;
    if (entry.isDirectory) todo.push(...(await children(entry as FileSystemDirectoryEntry)));
    else {
      found.push({ file: await fileOf(entry as FileSystemFileEntry), name: entry.fullPath.replace(/^\//, '') });
      if (found.length % 50 === 0) count(found.length);
    }
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** A directory gives its entries in parts; an empty part is the end. */
async function children(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** What operating systems and viewer CDs leave beside images and nobody means to import. */
export function isLitter(path: string): boolean {
  const name = path.split('/').pop() ?? path;
  return name.startsWith('._') || /^(\.ds_store|thumbs\.db|desktop\.ini|__macosx|autorun\.inf)$/i.test(name)
    || /\.(exe|dll|msi|inf|ini|html?|css|js|lnk|ico|chm|cab|bat|jar)$/i.test(name) || path.includes('__MACOSX/');
}
