import { useQuery } from '@tanstack/react-query'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { client } from '../../session.tsx'
import { AuditTable } from '../audit/audit-table.tsx'

/** What people did to a job. */
export function JobAudit({ id }: { id: string }) {
  const { data, error } = useQuery({
    queryKey: ['audit', 'job', id],
    queryFn: () => client.audit.list({ target: `job:${id}`, limit: 100 }),
  })
  if (error) return <Problem error={error} />
  if (!data) return <Loading rows={3} />
  if (data.data.length === 0) return <Empty title="Nobody has touched it">What people and programs do to this job is written here.</Empty>
  return <AuditTable lines={data.data} />
}
