import type { ReactNode } from 'react'
import table from './table.module.css'

/** A table that scrolls sideways within itself where it is too wide; with the keyboard too. */
export function Table({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="group" className={table.scroll} tabIndex={0} aria-label={label}>
      <table className={table.table}>{children}</table>
    </div>
  )
}
