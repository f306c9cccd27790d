import { ActionIcon, Button, type ButtonProps, Menu, Tooltip } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { ApiError } from '@trunkline/client'
import { type ReactNode, useCallback, useState } from 'react'
import { reportExpired } from '../live/expired.ts'
import { sentenceOf } from '../session.tsx'
import { toast } from './toasts.tsx'

interface Common {
  label: string
  icon?: ReactNode
  /** Why it cannot be done; null = it can. A button that is off stays where it is, keeps the focus and says why. */
  why?: string | null
  /** What it does; while that runs the button shows it and takes no second press. */
  onAct: () => unknown
}

/** How an element looks and is read that cannot be used now, without losing the focus. */
export const off = (why: unknown) => (why ? { 'aria-disabled': true as const, 'data-disabled': true as const } : {})

function usePending(onAct: () => unknown, why: string | null | undefined): [boolean, () => void] {
  const [isPending, setPending] = useState(false)
  const act = useCallback(() => {
    if (why || isPending) return
    const answer = onAct()
    if (!(answer instanceof Promise)) return
    setPending(true)
    void answer.finally(() => setPending(false))
  }, [onAct, why, isPending])
  return [isPending, act]
}

/** A button for something that is done. */
export function Act({
  label,
  icon,
  why,
  onAct,
  ...rest
}: Common & Pick<ButtonProps, 'variant' | 'color' | 'size'> & { 'data-primary'?: boolean }) {
  const [isPending, act] = usePending(onAct, why)
  const button = (
    <Button
      variant="default"
      {...rest}
      leftSection={icon}
      loading={isPending}
      {...off(why)}
      onClick={(event) => {
        event.stopPropagation()
        act()
      }}
    >
      {label}
    </Button>
  )
  return why ? (
    <Tooltip label={why} events={{ hover: true, focus: true, touch: true }}>
      {button}
    </Tooltip>
  ) : (
    button
  )
}

/** The same as an icon, in rows. */
export function ActIcon({ label, icon, why, onAct }: Common) {
  const [isPending, act] = usePending(onAct, why)
  return (
    <Tooltip label={why ? `${label}: ${why}` : label} events={{ hover: true, focus: true, touch: true }}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={28}
        aria-label={label}
        loading={isPending}
        {...off(why)}
        onClick={(event) => {
          event.stopPropagation()
          act()
        }}
      >
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}

/** The same as a line of a menu. */
export function ActItem({ label, icon, why, onAct, danger = false }: Common & { danger?: boolean }) {
  return (
    <Menu.Item
      leftSection={icon}
      {...off(why)}
      closeMenuOnClick={!why}
      onClick={() => {
        if (!why) void onAct()
      }}
      {...(danger ? { c: 'var(--failed)' } : {})}
    >
      {label}
      {why && <span style={{ display: 'block', fontSize: '0.75rem', color: 'var(--soft)' }}>{why}</span>}
    </Menu.Item>
  )
}

/** What a change says when it is done. */
export interface Said<T> {
  done?: string | ((answer: T) => string | null)
  detail?: (answer: T) => string | undefined
  action?: (answer: T) => { label: string; run: () => void } | undefined
  /** What could not be done, such as "The job was not retried". Without it the error is thrown, for who shows it. */
  failed?: string
  /** Which queries to read again: beginnings of their keys. Default: all that is on screen. */
  changes?: string[][]
}

/** Makes changes and tells what became of them. Answers what the change answered, or undefined where it failed. */
export function useChange() {
  const queries = useQueryClient()
  return useCallback(
    async <T,>(change: () => Promise<T>, { done, detail, action, failed, changes }: Said<T>): Promise<T | undefined> => {
      try {
        const answer = await change()
        const title = typeof done === 'function' ? done(answer) : done
        if (title) toast({ tone: 'good', title, detail: detail?.(answer), action: action?.(answer) })
        for (const queryKey of changes ?? [[]]) void queries.invalidateQueries({ queryKey })
        return answer
      } catch (error) {
        reportExpired(error)
        if (failed === undefined) throw error
        const of = error instanceof ApiError ? error : null
        const fields = of && of.errors.length > 0 ? of.errors.map(({ field, problem }) => `${field} ${problem}`).join('; ') : null
        const reason = [fields ? `${fields}.` : sentenceOf(error), of?.hint, of && `${of.code}${of.requestId ? ` · ${of.requestId}` : ''}`]
        toast({ tone: 'bad', title: failed, detail: reason.filter(Boolean).join(' ') })
        return undefined
      }
    },
    [queries],
  )
}
