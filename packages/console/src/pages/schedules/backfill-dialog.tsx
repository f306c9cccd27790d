import { Button, Group, Stack, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ScheduleAnswer } from '@trunkline/client/contract'
import { type FormEvent, useState } from 'react'
import { off, useChange } from '../../parts/act.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { instantOf } from '../../parts/local-input.ts'
import { useSettled } from '../../parts/settled.ts'
import { Loading, Problem } from '../../parts/states.tsx'
import { countText, localTimeText, numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'

const day = 86_400_000

/** Makes the jobs of a past range: counted first, by a dry run, then made. */
export default function BackfillDialog({ schedule, onClose }: { schedule: ScheduleAnswer; onClose: () => void }) {
  const { id, name, timezone } = schedule
  const change = useChange()
  const shown = (at: number) => localTimeText(at, timezone).slice(0, 16).replace(' ', 'T')
  const [from, setFrom] = useState(() => shown(Date.now() - day))
  const [to, setTo] = useState(() => shown(Date.now()))
  const [isPending, setPending] = useState(false)
  const isRange = from !== '' && to !== '' && from < to
  const asked = useSettled(isRange ? JSON.stringify({ from: instantOf(from, timezone), to: instantOf(to, timezone) }) : '', 600)
  const dry = useQuery({
    queryKey: ['backfill', id, asked],
    enabled: asked !== '',
    queryFn: () => client.schedules.backfill(id, { ...JSON.parse(asked), dryRun: true }),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    refetchInterval: false,
    refetchOnWindowFocus: false,
  })
  const counts = dry.data
  const isCounted = isRange && counts !== undefined && !dry.isPlaceholderData && !dry.error
  const isReady = isCounted && counts.jobs > 0

  async function make(event: FormEvent) {
    event.preventDefault()
    if (!isReady) return
    setPending(true)
    const made = await change(() => client.schedules.backfill(id, { ...JSON.parse(asked), dryRun: false }), {
      done: ({ jobs }) => `${countText(jobs, 'job')} made for the past of ${name}`,
      failed: 'No job was made',
    })
    setPending(false)
    if (made) onClose()
  }

  return (
    <Dialog onClose={onClose} title={`Make up for the past of ${name}`}>
      <form onSubmit={(event) => void make(event)}>
        <Stack gap="md">
          <p>Each slot of the range that has no job gets one; those that have one are left alone.</p>
          <TextInput
            label="From"
            description={`By the clock of ${timezone}`}
            type="datetime-local"
            value={from}
            onChange={(e) => setFrom(e.currentTarget.value)}
            data-autofocus
          />
          <TextInput label="To" type="datetime-local" value={to} onChange={(e) => setTo(e.currentTarget.value)} />
          {!isRange ? (
            <p role="status">The range has to begin before it ends.</p>
          ) : dry.error ? (
            <Problem error={dry.error} what="It could not be counted." />
          ) : counts === undefined ? (
            <Loading rows={1} height={24} />
          ) : (
            <p role="status">
              <strong>{countText(counts.jobs, 'job')}</strong> would be made: {countText(counts.slots, 'slot')},{' '}
              {counts.existing === 0 ? 'none has a job' : `${numberText(counts.existing)} already with a job`}.
            </p>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm" loading={isPending} {...off(!isReady)}>
              {isReady ? `Make ${countText(counts.jobs, 'job')}` : 'Make them'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
