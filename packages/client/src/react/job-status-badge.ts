import type { JobState } from '@trunkline/contract'
import { createElement, type ReactElement } from 'react'

// icon and word: never colour alone
const looks: Record<JobState, { icon: string; word: string; colour: string }> = {
  pending: { icon: '○', word: 'Pending', colour: '#5c6672' },
  running: { icon: '◐', word: 'Running', colour: '#1668b8' },
  completed: { icon: '✓', word: 'Completed', colour: '#1b7a3d' },
  failed: { icon: '✕', word: 'Failed', colour: '#b3261e' },
  cancelled: { icon: '⊘', word: 'Cancelled', colour: '#6b5b00' },
  blocked: { icon: '⧖', word: 'Blocked', colour: '#6a3fa0' },
}

/** The state of a job as a small label. */
export function JobStatusBadge({ status, className }: { status: JobState; className?: string }): ReactElement {
  const { icon, word, colour } = looks[status]
  return createElement(
    'span',
    {
      className,
      'data-status': status,
      style: {
        display: 'inline-flex',
        gap: '0.35em',
        alignItems: 'center',
        padding: '0.1em 0.6em',
        borderRadius: '1em',
        border: `1px solid ${colour}`,
        color: colour,
        background: '#fff',
        fontSize: '0.85em',
        lineHeight: 1.6,
      },
    },
    createElement('span', { 'aria-hidden': true }, icon),
    word,
  )
}
