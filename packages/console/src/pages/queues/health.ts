import type { QueueAnswer } from '@trunkline/client/contract'
import { countText, durationText, numberText } from '../../parts/words.ts'

/** What a queue is watched for. */
export type Measure = 'waiting' | 'oldestMs' | 'failurePercent' | 'workers'

export type Health = NonNullable<QueueAnswer['health']>

/** Each measure: what it is called, what its bounds mean, and how many of its own units one of the form is. */
export const measures: Record<Measure, { label: string; hint: string; factor: number; text: (value: number) => string }> = {
  waiting: { label: 'Jobs that wait', hint: 'More than', factor: 1, text: numberText },
  oldestMs: { label: 'The oldest waits, minutes', hint: 'Longer than', factor: 60_000, text: durationText },
  failurePercent: {
    label: 'Failures, percent',
    hint: 'More than; of the jobs that ended within ten minutes, ten at least',
    factor: 1,
    text: (value) => `${numberText(Math.round(value))} %`,
  },
  workers: { label: 'Live workers', hint: 'Fewer than', factor: 1, text: numberText },
}

const sentences: Record<Measure, (value: number) => string> = {
  waiting: (value) => `${countText(value, 'job waits', 'jobs wait')}`,
  oldestMs: (value) => `the oldest job has waited ${durationText(value)}`,
  failurePercent: (value) => `${numberText(Math.round(value))} % of its jobs fail`,
  workers: (value) => (value === 0 ? 'no worker serves it' : `only ${countText(value, 'worker serves it', 'workers serve it')}`),
}

/** Why a queue is not healthy: "5,200 jobs wait (from 5,000 on)". */
export function crossedText({ crossed }: Health): string {
  return crossed
    .map(({ measure, value, limit }) => {
      const of = measures[measure as Measure]
      if (!of) return `${measure} ${value}`
      const bound = measure === 'workers' ? `fewer than ${of.text(limit)}` : `more than ${of.text(limit)}`
      return `${sentences[measure as Measure](value)} (${bound})`
    })
    .join('; ')
}
