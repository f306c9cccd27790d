import { IconPlus } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import { Act } from '../../parts/act.tsx'
import { Go, useAddress, useGo } from '../../parts/go.tsx'
import { Page } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { useMe, whyNot } from '../../session.tsx'
import { JobsTable } from './jobs-table.tsx'
import { serverPath, useServer } from './pgagent-data.ts'
import { RunsTable } from './runs-table.tsx'
import { Setup } from './setup.tsx'
import { Listener } from './status.tsx'
import { useWatching } from './watch.ts'

/** One server: its jobs, what ran, what is missing. It is watched as long as it is open. */
export default function Server() {
  const { sid = '' } = useParams({ strict: false }) as { sid?: string }
  const me = useMe()
  const go = useGo()
  const [address, setAddress] = useAddress()
  const { data: server, error } = useServer(sid)
  const watching = useWatching(server ? sid : null)
  if (!server)
    return (
      <Page title="Server">
        {!error ? (
          <Loading rows={6} />
        ) : (error as { status?: number }).status === 404 ? (
          <Empty title={`There is no server ${sid}`} actions={<Go to="/pgagent">All servers</Go>}>
            It was forgotten, or lies outside of what you may see.
          </Empty>
        ) : (
          <Problem error={error} />
        )}
      </Page>
    )
  return (
    <Page
      title={server.name}
      lead={<Listener of={watching} />}
      actions={
        <Act
          label="New job"
          variant="filled"
          icon={<IconPlus size={15} aria-hidden />}
          why={whyNot(me, { role: 'admin' })}
          onAct={() => go(`${serverPath(sid)}/new`)}
        />
      }
    >
      <Tabs
        label="Of this server"
        open={address.tab}
        onOpen={(tab) => setAddress({ tab })}
        tabs={[
          { name: 'jobs', label: 'Jobs', content: () => <JobsTable sid={sid} fresh={watching.latest?.jobId ?? null} /> },
          { name: 'runs', label: 'Runs', content: () => <RunsTable sid={sid} /> },
          { name: 'setup', label: 'Setup', content: () => <Setup server={server} /> },
        ]}
      />
    </Page>
  )
}
