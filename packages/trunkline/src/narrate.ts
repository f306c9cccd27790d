import { formatDuration } from '@trunkline/contract'
import type { KeeperEvent, WorkerEvent } from '@trunkline/engine'
import type { ServerEvent } from '@trunkline/server'
import { plain, sizeText } from './print.ts'
import type { SupervisorEvent } from './supervisor.ts'

/** The one place where events become sentences. Null = not worth a line. */
export function sentence(event: SupervisorEvent | WorkerEvent | KeeperEvent | ServerEvent): string | null {
  switch (event.type) {
    case 'started':
    case 'ready':
    case 'stopped':
    case 'job_started':
      return null
    case 'exited':
      return `the ${event.name} process ${event.pid} ended (${event.signal ?? `code ${event.code}`})`
    case 'restarting':
      return `starting the ${event.name} again${event.afterMs > 0 ? ` in ${formatDuration(event.afterMs)}` : ''}`
    case 'retired':
      return `the ${event.name} was asked to stop and is not started again`
    case 'stopping':
      return `stopping the ${event.name}`
    case 'worker_started':
      return `worker ${event.workerId} serves ${event.queues.join(', ')} with ${event.concurrency} slots`
    case 'pooler':
      return event.direct
        ? 'a pooler in transaction mode stands before the database; LISTEN and the heartbeat go past it'
        : 'a pooler in transaction mode stands before the database; jobs are looked for every second (set DATABASE_DIRECT_URL and they start at once)'
    case 'schema_too_new':
      return `worker ${event.workerId} stops: a newer version has migrated the schema (${event.applied}; this one knows ${event.known}). Upgrade this process.`
    case 'worker_stopping':
      return `worker ${event.workerId} stops; ${event.running} jobs are running`
    case 'worker_stopped':
      return `worker ${event.workerId} has stopped`
    case 'worker_asked_to_stop':
      return `worker ${event.workerId} was asked to stop`
    case 'worker_recycling':
      return `worker ${event.workerId} uses ${sizeText(event.rssBytes)}, above its limit of ${sizeText(event.limitBytes)}; it drains and asks to be replaced`
    case 'worker_lost':
      return `worker ${event.workerId} was taken for dead and registers anew`
    case 'job_ended':
      return `job ${event.jobId} ${event.task} ${event.how.replace('_', ' ')} after ${formatDuration(event.ms)} (attempt ${event.attempt})${event.error ? `: ${event.error}` : ''}`
    case 'lease_lost':
      return `lease lost: ${event.jobIds.slice(0, 10).join(', ')}${event.jobIds.length > 10 ? ' …' : ''}`
    case 'handler_stuck':
      return `the handler of job ${event.jobId} ${event.task} ignored its abort (${event.why})`
    case 'unknown_task':
      return `job ${event.jobId} wants a task that this worker does not have; left to others for 1 s`
    case 'leader':
      return event.leading ? 'this keeper leads' : 'another keeper leads'
    case 'recovered':
      return `recovered ${event.jobs} jobs of dead workers ${event.workers.join(', ')}${event.poisoned > 0 ? `; ${event.poisoned} ended by crash_limit` : ''}`
    case 'retention':
      return `retention removed ${event.ranges} whole ranges and ${event.jobs} single jobs of the history`
    case 'queue_health':
      return `queue ${event.queue} is ${event.level}${event.crossed.map((c) => `; ${c.measure} ${c.value}, limit ${c.limit}`).join('')}`
    case 'audit_anchor':
      return `audit chain: link ${event.link} is ${event.hash} (keep this line: trunkline audit verify --anchor ${event.link}:${event.hash})`
    case 'health':
      return event.warnings.length === 0
        ? 'nothing endangers the queue any more'
        : `warning: ${event.warnings.map((w) => `${w.sentence} (${w.hint})`).join('; ')}`
    case 'schedule_paused':
      return `schedule ${event.name} was paused: ${event.reason}; go on with: trunkline schedules resume ${event.id}`
    case 'request_failed':
      return `request ${event.requestId} of ${event.route} failed: ${event.error.message} ${event.error.stack?.split('\n')[1]?.trim() ?? ''}`
    case 'database_error':
      return `database (${event.where}): ${event.error.message}`
  }
}

/** Prints events as lines with the time and who speaks; the same database error at most every 5 seconds. */
export function narrator(who: string): (event: SupervisorEvent | WorkerEvent | KeeperEvent | ServerEvent) => void {
  const said = new Map<string, number>()
  return (event) => {
    const text = sentence(event)
    if (text === null) return
    if (event.type === 'database_error') {
      if (Date.now() - (said.get(text) ?? 0) < 5000) return
      if (said.size > 1000) said.clear()
      said.set(text, Date.now())
    }
    console.log(`${new Date().toISOString()}  ${who.padEnd(8)}  ${plain(text)}`)
  }
}
