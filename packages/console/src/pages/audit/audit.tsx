import { Button, Select, TextInput } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { useAddress } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Forbidden, Loading, Problem } from '../../parts/states.tsx'
import { countText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './audit.module.css'
import { AuditTable } from './audit-table.tsx'

/** A text of the address that is taken when somebody pauses. */
function Filter({
  label,
  placeholder,
  value,
  onChange,
}: {
  label: string
  placeholder: string
  value: string
  onChange: (value: string) => void
}) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text.trim() === value) return
    const timer = setTimeout(() => onChange(text.trim()), 350)
    return () => clearTimeout(timer)
  }, [text, value, onChange])
  return <TextInput label={label} placeholder={placeholder} value={text} onChange={(e) => setText(e.currentTarget.value)} />
}

/** Who changed what, and who was refused. */
export default function AuditPage() {
  const me = useMe()
  const change = useChange()
  const [address, setAddress] = useAddress()
  const why = whyNot(me, { role: 'admin' })
  const { actor = '', action = '', target = '', outcome = '' } = address
  const list = useInfiniteQuery({
    queryKey: ['audit', actor, action, target, outcome],
    enabled: why === null,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      client.audit.list({
        ...(actor ? { actor: actor.includes(':') ? actor : `user:${actor}` } : {}),
        ...(action ? { action } : {}),
        ...(target ? { target } : {}),
        ...(outcome ? { outcome: outcome as 'done' } : {}),
        cursor: pageParam,
        limit: 100,
      }),
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  })
  const verify = () =>
    change(() => client.audit.verify(), {
      done: ({ isWhole, links, bad }) =>
        isWhole ? `The record is whole: ${countText(links, 'line')}` : `${countText(bad.length, 'line')} changed or gone`,
      failed: 'It could not be verified',
      changes: [],
    })
  const lines = list.data?.pages.flatMap(({ data }) => data) ?? []
  return (
    <Page
      title="Audit"
      lead="Every change and every refusal"
      actions={<Act label="Is the record whole?" icon={<IconShieldCheck size={15} aria-hidden />} why={why} onAct={verify} />}
    >
      {why ? (
        <Forbidden sentence={why} />
      ) : (
        <>
          <div className={css.filters}>
            <Filter label="Who" placeholder="anna@example.com" value={actor} onChange={(value) => setAddress({ actor: value })} />
            <Filter label="Did" placeholder="job.retry or job.*" value={action} onChange={(value) => setAddress({ action: value })} />
            <Filter label="To" placeholder="job:42" value={target} onChange={(value) => setAddress({ target: value })} />
            <Select
              label="Outcome"
              data={[
                { value: '', label: 'Both' },
                { value: 'done', label: 'Done' },
                { value: 'refused', label: 'Refused' },
              ]}
              value={outcome}
              onChange={(value) => setAddress({ outcome: value ?? '' })}
            />
          </div>
          <Sheet flush label="Audit">
            {list.error ? (
              <Problem error={list.error} retry={() => void list.refetch()} />
            ) : !list.data ? (
              <Loading rows={8} />
            ) : lines.length === 0 ? (
              <Empty title="Nothing fits">Take away a condition.</Empty>
            ) : (
              <AuditTable lines={lines} />
            )}
          </Sheet>
          {list.hasNextPage && (
            <Button variant="default" size="sm" onClick={() => void list.fetchNextPage()} loading={list.isFetchingNextPage}>
              Older lines
            </Button>
          )}
        </>
      )}
    </Page>
  )
}
