import type { ObjectInfo } from './object-store'

/**
 * The classes whose objects a listing may show and that may have to be restored before they are read (Amazon S3 user guide,
 * "Working with archived objects"; GLACIER_IR is none of them). Of INTELLIGENT_TIERING only HEAD says whether an object is archived.
 */
const ARCHIVE_CLASSES = ['GLACIER', 'DEEP_ARCHIVE', 'INTELLIGENT_TIERING'] as const
export type ArchiveClass = (typeof ARCHIVE_CLASSES)[number]

export type ArchiveCounts = Record<ArchiveClass, { objects: number; bytes: number }>

export const noArchived = (): ArchiveCounts => ({
  GLACIER: { objects: 0, bytes: 0 },
  DEEP_ARCHIVE: { objects: 0, bytes: 0 },
  INTELLIGENT_TIERING: { objects: 0, bytes: 0 },
})

interface Classed {
  size: number
  storageClass?: string | undefined
}

/** The class under which a listed object is archived or may be; undefined: it can be read. */
export const archiveClass = ({ storageClass }: Pick<Classed, 'storageClass'>): ArchiveClass | undefined =>
  ARCHIVE_CLASSES.find((name) => name === storageClass)

/** `counts` with these objects added. */
export const addArchived = (counts: ArchiveCounts, objects: readonly Classed[]): ArchiveCounts => {
  const sum = { ...counts }
  for (const object of objects) {
    const name = archiveClass(object)
    if (name !== undefined) sum[name] = { objects: sum[name].objects + 1, bytes: sum[name].bytes + object.size }
  }
  return sum
}

/** Whether an object can be read now, by what HEAD says of it. */
export const standOf = ({ storageClass, archiveStatus, restore }: ObjectInfo): 'readable' | 'ongoing' | 'archived' => {
  if (restore?.ongoing === true) return 'ongoing'
  if (restore !== undefined) return 'readable'
  return archiveStatus !== undefined || storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE' ? 'archived' : 'readable'
}
