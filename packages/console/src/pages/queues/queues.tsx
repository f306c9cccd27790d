import { useQueues } from '../../live/data.ts'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { countText } from '../../parts/words.ts'
import { QueueTable } from './queue-table.tsx'

/** Where jobs wait, what needs attention first. */
export default function Queues() {
  const { data, error, refetch } = useQueues()
  const waiting = data?.data.reduce((all, { due }) => all + due, 0) ?? 0
  return (
    <Page title="Queues" lead={data && `${countText(data.data.length, 'queue')}, ${countText(waiting, 'job')} waiting`}>
      <Sheet flush label="Queues">
        {error ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : !data ? (
          <Loading rows={5} />
        ) : data.data.length === 0 ? (
          <Empty title="No queue yet" code={{ 'Command line': 'trunkline worker --queues etl' }}>
            A queue appears with its first job or its first worker.
          </Empty>
        ) : (
          <QueueTable queues={data.data} />
        )}
      </Sheet>
    </Page>
  )
}
