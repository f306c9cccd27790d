import type { LogLineAnswer } from '@trunkline/client/contract'
import { memo } from 'react'
import { ansiPieces } from '../../parts/ansi.ts'
import css from './log.module.css'

/** Text without what a terminal would obey. */
export const plain = (text: string) =>
  ansiPieces(text)
    .map((piece) => piece.text)
    .join('')

function Marked({ text, search }: { text: string; search: string }) {
  if (search === '') return <>{text}</>
  const at = text.toLowerCase().indexOf(search.toLowerCase())
  if (at < 0) return <>{text}</>
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + search.length)}</mark>
      <Marked text={text.slice(at + search.length)} search={search} />
    </>
  )
}

function Message({ line, search }: { line: LogLineAnswer; search: string }) {
  const context = line.context === null || line.context === undefined ? null : JSON.stringify(line.context)
  return (
    <>
      {line.stage && <span className={css.stage}>{plain(line.stage)}</span>}
      {ansiPieces(line.message).map(({ text, classes }, i) => (
        <span key={i} className={classes || undefined}>
          <Marked text={text} search={search} />
        </span>
      ))}
      {context && context !== '{}' && <span className={css.context}> {context}</span>}
    </>
  )
}

/** One line of a log. Drawn anew only when something of it has changed: scrolling brings others with each frame. */
export const LogLine = memo(function LogLine({
  line,
  index,
  start,
  time,
  search,
  isMarked,
  isCursor,
  measure,
  onLink,
}: {
  line: LogLineAnswer
  index: number
  /** Px from the first line. */
  start: number
  /** As it is shown; null: not at all. */
  time: string | null
  search: string
  isMarked: boolean
  /** One stop for Tab in the whole log; from there the arrows lead on. */
  isCursor: boolean
  measure: ((line: HTMLDivElement | null) => void) | undefined
  onLink: (no: string) => void
}) {
  return (
    <div
      ref={measure}
      data-index={index}
      className={css.line}
      data-level={line.level}
      data-marked={isMarked || undefined}
      style={{ transform: `translateY(${start}px)` }}
    >
      <button
        type="button"
        className={css.no}
        tabIndex={isCursor ? 0 : -1}
        data-line-no={line.no}
        onClick={() => onLink(line.no)}
        aria-label={`Link to line ${line.no}`}
      />
      {time !== null && <span className={css.time}>{time}</span>}
      <span className={css.name}>{line.level}</span>
      <span className={css.message}>
        <Message line={line} search={search} />
      </span>
    </div>
  )
})
