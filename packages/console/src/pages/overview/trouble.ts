import type { ReactNode } from 'react'

/** Something that is wrong, and what mends it. */
export interface Trouble {
  key: string
  text: ReactNode
  fix: ReactNode
}
