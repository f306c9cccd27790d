import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react'
import { useSyncExternalStore } from 'react'
import { useKeys } from '../frame/shortcuts.ts'
import css from './toasts.module.css'

/** A short message in the corner. */
export interface Toast {
  id: number
  tone: 'good' | 'bad'
  title: string
  detail?: string | undefined
  action?: { label: string; run: () => void } | undefined
  /** Ms; null = until it is closed. */
  stays: number | null
}

const most = 3
const listeners = new Set<() => void>()
let toasts: readonly Toast[] = []
let last = 0

function become(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

/** Takes a message away. */
export function closeToast(id: number): void {
  become(toasts.filter((toast) => toast.id !== id))
}

/** Shows a message: at most three at once; failures stay until they are closed. */
export function toast(given: Omit<Toast, 'id' | 'stays'> & { stays?: number }): void {
  const id = ++last
  const stays = given.tone === 'bad' ? null : (given.stays ?? (given.action ? 10_000 : 5000))
  become([...toasts, { ...given, id, stays }].slice(-most))
  if (stays !== null) setTimeout(() => closeToast(id), stays)
}

/** Where messages appear. The key `u` does what the last of them offers, such as undoing. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  useKeys({
    u() {
      const last = shown.findLast(({ action }) => action !== undefined)
      if (!last) return
      closeToast(last.id)
      last.action?.run()
    },
  })
  return (
    <section className={css.tray} aria-label="Messages">
      {shown.map(({ id, tone, title, detail, action }) => (
        <div key={id} className={css.toast} data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
          {tone === 'bad' ? <IconAlertTriangle size={18} aria-hidden /> : <IconCheck size={18} aria-hidden />}
          <div className={css.text}>
            <strong>{title}</strong>
            {detail && <span>{detail}</span>}
          </div>
          {action && (
            <button
              type="button"
              className={css.action}
              title={`${action.label} (u)`}
              onClick={() => {
                closeToast(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
          <button type="button" className={css.close} aria-label="Close this message" onClick={() => closeToast(id)}>
            <IconX size={16} aria-hidden />
          </button>
        </div>
      ))}
    </section>
  )
}
