import type { Readable } from 'node:stream'

/** A stored file. */
export interface StoredFile {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

/** A file that is being written. It has its final name only after `commit`. */
export interface PendingFile {
  /** A path on this machine where any program may write the content. */
  readonly path: string
  /** Makes the content durable, then visible under its final name, all at once. Refuses an empty file. */
  commit(): Promise<StoredFile>
  /** Throws the content away. May be called after `commit`, and then does nothing. */
  discard(): Promise<void>
}

/**
 * Where backups and exports live. Names are flat (no folders): letters, digits, `.`, `_`, `-`, at most 200.
 * A half-written file never has its final name and is never listed.
 */
export interface Storage {
  /** Starts a file. @throws `invalid_file_name`, `storage_failed` */
  begin(name: string): Promise<PendingFile>
  /** Finished files, newest first. */
  list(): Promise<StoredFile[]>
  /** @throws `file_not_found`, `invalid_file_name` */
  stat(name: string): Promise<StoredFile>
  /** The content. @throws `file_not_found`, `invalid_file_name` */
  read(name: string): Promise<Readable>
  /** A path on this machine that holds the content, for programs that read files by name. @throws `file_not_found` */
  localPath(name: string): Promise<string>
  /** Deletes a file; false when it was not there. */
  delete(name: string): Promise<boolean>
  /** Writes, reads and deletes a small file. @throws `storage_failed` with the cause */
  check(): Promise<void>
}
