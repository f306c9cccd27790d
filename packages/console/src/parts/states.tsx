import { Button } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconCopy, IconLock, IconRefresh } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import { ApiError } from '@trunkline/client'
import { type ReactNode, useEffect, useState } from 'react'
import { sentenceOf } from '../session.tsx'
import { copyText } from './copy.ts'
import css from './states.module.css'

/** Grey bars where content will be, of its final height; shown only when it takes longer than a blink. */
export function Loading({ rows = 6, height }: { rows?: number; height?: number }) {
  const [isSlow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 150)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div className={css.loading} data-shown={isSlow || undefined} aria-busy="true">
      <span className="visually-hidden">{isSlow ? 'Loading' : ''}</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={css.bar} style={height ? { height } : undefined} />
      ))}
    </div>
  )
}

/** What something would mean, counted by the server: the wait, why it could not be counted, or what was found. */
export function Counted<T>({ by: { data, error, refetch }, children }: { by: UseQueryResult<T>; children: (found: T) => ReactNode }) {
  if (error) return <Problem error={error} what="It could not be counted." retry={() => void refetch()} />
  return data === undefined ? <Loading rows={1} height={40} /> : children(data)
}

/** A call that failed: what, why, its number, and the way on. */
export function Problem({ error, retry, what }: { error: unknown; retry?: () => void; what?: string }) {
  const of = error instanceof ApiError ? error : null
  if (of?.status === 403) return <Forbidden sentence={sentenceOf(error)} {...(what ? { title: what } : {})} />
  return (
    <div className={css.problem} role="alert">
      <IconAlertTriangle size={20} aria-hidden />
      <div>
        <strong>{what ?? 'This could not be read.'}</strong>
        <p>
          {sentenceOf(error)} {of?.hint}
        </p>
        {of && (
          <p className={css.fine}>
            {of.code}
            {of.requestId && <> · request {of.requestId}</>}
          </p>
        )}
        {retry && (
          <Button variant="default" leftSection={<IconRefresh size={15} aria-hidden />} onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  )
}

/** Somebody may not see or do this. */
export function Forbidden({ sentence, title = 'Not for you to see' }: { sentence: string; title?: string }) {
  return (
    <div className={css.empty}>
      <IconLock size={26} aria-hidden />
      <h2>{title}</h2>
      <p>{sentence}</p>
    </div>
  )
}

/** Nothing is here: why, and what to do. */
export function Empty({
  icon,
  title,
  children,
  actions,
  code,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
  actions?: ReactNode
  /** How to get something here, by name: command line, TypeScript, SQL. */
  code?: Record<string, string>
}) {
  return (
    <div className={css.empty}>
      {icon}
      <h2>{title}</h2>
      {children && <div className={css.said}>{children}</div>}
      {actions && <div className={css.actions}>{actions}</div>}
      {code && <Code of={code} />}
    </div>
  )
}

function Code({ of }: { of: Record<string, string> }) {
  return (
    <dl className={css.code}>
      {Object.entries(of).map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <CodeText text={text} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** A line of code that can be copied. */
export function CodeText({ text }: { text: string }) {
  return (
    <span className={css.line}>
      <code>{text}</code>
      <Copy text={text} label="Copy" />
    </span>
  )
}

/** A button that copies a text. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <button
      type="button"
      className={css.copy}
      aria-label={copied ? 'Copied' : label}
      title={label}
      onClick={() => void copyText(text).then(setCopied)}
    >
      {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
    </button>
  )
}
