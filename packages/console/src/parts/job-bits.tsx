import type { JobAnswer } from '@trunkline/client/contract'
import { Go } from './go.tsx'
import css from './job-bits.module.css'
import { numberText } from './words.ts'

/** A link to a job. */
export function JobLink({ id, children }: { id: string; children?: React.ReactNode }) {
  return <Go to={`/${id}`}>{children ?? `#${id}`}</Go>
}

type Progress = JobAnswer['progress']

/** "Processing users (1,250 / 5,000)" */
export function progressSentence(progress: NonNullable<Progress>): string {
  const { stage, current, total, unit } = progress
  const counted =
    total === null ? `${numberText(current)} processed` : `${numberText(current)} / ${numberText(total)}${unit ? ` ${unit}` : ''}`
  return stage ? `${stage} (${counted})` : counted
}

/** How far a job is: a bar, or a counter where the end is not known. */
export function ProgressBar({ progress, label = true }: { progress: Progress; label?: boolean }) {
  if (!progress) return null
  const { percent } = progress
  const text = progressSentence(progress)
  return (
    <span className={css.progress}>
      <progress
        className={css.bar}
        aria-label={text}
        {...(percent === null ? {} : { value: Math.max(0, Math.min(100, percent)) })}
        max={100}
      />
      {label && (
        <span className={css.text}>
          {percent === null ? '' : `${Math.floor(percent)} % · `}
          {text}
        </span>
      )}
    </span>
  )
}

/** Bars of a few numbers over time; says its sum to those who cannot see it. */
export function Sparkline({ values, label, colour = 'var(--accent)' }: { values: number[]; label: string; colour?: string }) {
  const top = Math.max(1, ...values)
  const width = 4
  return (
    <svg className={css.spark} viewBox={`0 0 ${values.length * width} 20`} preserveAspectRatio="none" role="img" aria-label={label}>
      <rect x={0} y={19} width={values.length * width} height={1} fill="var(--line-strong)" />
      {values.map((value, i) => {
        const height = value === 0 ? 0 : Math.max(1.5, (value / top) * 20)
        return <rect key={i} x={i * width} y={20 - height} width={width - 1} height={height} fill={colour} />
      })}
    </svg>
  )
}

/** A share of something as a bar. */
export function Meter({ value, max, label }: { value: number; max: number; label: string }) {
  return (
    <span className={css.progress}>
      <progress className={css.bar} value={max === 0 ? 0 : value} max={Math.max(1, max)} aria-label={label} />
      <span className={css.text}>
        {numberText(value)} / {numberText(max)}
      </span>
    </span>
  )
}
