import type { ReactNode } from 'react'
import table from './table.module.css'

/**
 * A table that scrolls sideways within itself where it is too wide; with the keyboard too.
 *
 * @param folds a list of things: where the window is narrow a row becomes a few lines, its heading above, all else below. Cells that
 * need the head of their column say it again as `data-label`; empty ones and those with `data-none` are left out.
 */
export function Table({ label, folds = false, children }: { label: string; folds?: boolean; children: ReactNode }) {
  return (
    <div role="group" className={table.scroll} data-folds={folds || undefined} tabIndex={0} aria-label={label}>
      <table className={table.table}>{children}</table>
    </div>
  )
}
