import { JobStatusBadge, JobStatusToast, useClient, useJobs } from '@trunkline/client/react'
import { useState } from 'react'

export function BackupPage() {
  const client = useClient()
  const { jobs } = useJobs({ task: 'backup_create', limit: 10 })
  const [followed, setFollowed] = useState<string[]>([])
  const [notes, setNotes] = useState('')
  const [trouble, setTrouble] = useState('')

  async function backUp() {
    try {
      const job = await client.jobs.enqueue({ task: 'backup_create', payload: {} })
      setFollowed((before) => [...before, job.id])
      setTrouble('')
    } catch (error) {
      setTrouble((error as Error).message)
    }
  }

  return (
    <main style={{ maxWidth: 640, margin: '4rem auto', font: '16px system-ui' }}>
      <h1>Backups</h1>
      <button type="button" onClick={backUp}>
        Create a backup
      </button>
      <p role="alert">{trouble}</p>
      <label>
        Go on working:
        <textarea value={notes} onChange={(event) => setNotes(event.target.value)} rows={4} style={{ display: 'block', width: '100%' }} />
      </label>
      <h2>The last ten</h2>
      <ul>
        {jobs.map((job) => (
          <li key={job.id}>
            Backup {job.id} <JobStatusBadge status={job.state} />
          </li>
        ))}
      </ul>
      {followed.map((id) => (
        <JobStatusToast key={id} jobId={id} title={`Backup ${id}`} />
      ))}
    </main>
  )
}
