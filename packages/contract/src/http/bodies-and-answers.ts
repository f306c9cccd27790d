import type { z } from 'zod'
import type { loggedIn, login, me } from './auth.ts'
import type { flow, flowChange, flowDetail, flowList, madeFlow, newFlow } from './flows.ts'
import type {
  bulk,
  bulkAnswer,
  bulkRerun,
  bulkUpdate,
  cancelled,
  enqueued,
  eventList,
  jobChanges,
  jobList,
  jobStats,
  jobStatus,
  jobTimeline,
  jobWhy,
  logLine,
  newJob,
  rerun,
} from './jobs.ts'
import type { pause, queue, queueList } from './queues.ts'
import type {
  backfill,
  backfilled,
  calendar,
  newSchedule,
  newTemplate,
  runList,
  schedule,
  scheduleChange,
  scheduleClone,
  scheduleList,
  schedulePreview,
  schedulePreviewed,
  scheduleStarted,
  template,
  templateChange,
  templateList,
} from './schedules.ts'
import type { cleanedUp, cleanup, startWorkers, task, taskList, worker, workerList, workersWanted } from './workers.ts'

// The types of bodies (what is sent) and answers (what comes back), for clients that must not load the schemas.
export type NewFlowBody = z.input<typeof newFlow>
export type MadeFlowAnswer = z.output<typeof madeFlow>
export type FlowAnswer = z.output<typeof flow>
export type FlowDetailAnswer = z.output<typeof flowDetail>
export type FlowListAnswer = z.output<typeof flowList>
export type FlowChangeAnswer = z.output<typeof flowChange>
export type NewJobBody = z.input<typeof newJob>
export type EnqueuedAnswer = z.output<typeof enqueued>
export type JobListAnswer = z.output<typeof jobList>
export type JobStatusAnswer = z.output<typeof jobStatus>
export type LogLineAnswer = z.output<typeof logLine>
export type JobTimelineAnswer = z.output<typeof jobTimeline>
export type JobWhyAnswer = z.output<typeof jobWhy>
export type CancelledAnswer = z.output<typeof cancelled>
export type RerunBody = z.input<typeof rerun>
export type JobChangesBody = z.input<typeof jobChanges>
export type BulkBody = z.input<typeof bulk>
export type BulkRerunBody = z.input<typeof bulkRerun>
export type BulkUpdateBody = z.input<typeof bulkUpdate>
export type BulkResult = z.output<typeof bulkAnswer>
export type JobStatsAnswer = z.output<typeof jobStats>
export type EventListAnswer = z.output<typeof eventList>
export type QueueAnswer = z.output<typeof queue>
export type QueueListAnswer = z.output<typeof queueList>
export type PauseBody = z.input<typeof pause>
export type WorkerAnswer = z.output<typeof worker>
export type WorkerListAnswer = z.output<typeof workerList>
export type StartWorkersBody = z.input<typeof startWorkers>
export type WorkersWantedAnswer = z.output<typeof workersWanted>
export type CleanupBody = z.input<typeof cleanup>
export type CleanedUpAnswer = z.output<typeof cleanedUp>
export type TaskAnswer = z.output<typeof task>
export type TaskListAnswer = z.output<typeof taskList>
export type LoginBody = z.input<typeof login>
export type LoggedInAnswer = z.output<typeof loggedIn>
export type MeAnswer = z.output<typeof me>
export type NewScheduleBody = z.input<typeof newSchedule>
export type ScheduleChangeBody = z.input<typeof scheduleChange>
export type ScheduleAnswer = z.output<typeof schedule>
export type ScheduleListAnswer = z.output<typeof scheduleList>
export type ScheduleCloneBody = z.input<typeof scheduleClone>
export type ScheduleStartedAnswer = z.output<typeof scheduleStarted>
export type BackfillBody = z.input<typeof backfill>
export type BackfilledAnswer = z.output<typeof backfilled>
export type RunListAnswer = z.output<typeof runList>
export type SchedulePreviewBody = z.input<typeof schedulePreview>
export type SchedulePreviewedAnswer = z.output<typeof schedulePreviewed>
export type CalendarAnswer = z.output<typeof calendar>
export type NewTemplateBody = z.input<typeof newTemplate>
export type TemplateChangeBody = z.input<typeof templateChange>
export type TemplateAnswer = z.output<typeof template>
export type TemplateListAnswer = z.output<typeof templateList>
