import type { z } from 'zod'
import type { auditList, auditVerdict } from './audit.ts'
import type { loggedIn, login, me, user } from './auth.ts'
import type { backupComparison, backupList, newBackup, restore } from './backups.ts'
import type { failureChange, failureGroup, failureList } from './failures.ts'
import type { flow, flowChange, flowDetail, flowList, madeFlow, newFlow } from './flows.ts'
import type {
  bulk,
  bulkAnswer,
  bulkRerun,
  bulkResults,
  bulkStarted,
  bulkUndo,
  bulkUpdate,
  cancelled,
  enqueued,
  eventList,
  jobChanges,
  jobList,
  jobStats,
  jobStatus,
  jobSteps,
  jobTimeline,
  jobWhy,
  logLine,
  newJob,
  rerun,
} from './jobs.ts'
import type { notificationList, notificationPreferences, readCount } from './notifications.ts'
import type {
  newPgAgentJob,
  newPgAgentServer,
  pgAgentClassList,
  pgAgentCleared,
  pgAgentClone,
  pgAgentExamination,
  pgAgentImport,
  pgAgentImported,
  pgAgentImportUndone,
  pgAgentInstall,
  pgAgentInstalled,
  pgAgentJob,
  pgAgentJobChange,
  pgAgentJobList,
  pgAgentNext,
  pgAgentPreview,
  pgAgentPreviewed,
  pgAgentRehearsal,
  pgAgentRun,
  pgAgentRunList,
  pgAgentServer,
  pgAgentServerChange,
  pgAgentServerList,
  pgAgentSql,
  pgAgentSqlCheck,
  pgAgentSqlChecked,
} from './pgagent.ts'
import type { newLimits, pause, queue, queueLimits, queueList, queueThresholds } from './queues.ts'
import type { newRetention, retention, retentionPreview } from './retention.ts'
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
import type { done } from './shapes.ts'
import type { system } from './system.ts'
import type { apiKeyList, madeKey, newKey, newPassword, newUser, userChanges, userList } from './users.ts'
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
export type JobStepsAnswer = z.output<typeof jobSteps>
export type JobTimelineAnswer = z.output<typeof jobTimeline>
export type JobWhyAnswer = z.output<typeof jobWhy>
export type CancelledAnswer = z.output<typeof cancelled>
export type RerunBody = z.input<typeof rerun>
export type JobChangesBody = z.input<typeof jobChanges>
export type BulkBody = z.input<typeof bulk>
export type BulkRerunBody = z.input<typeof bulkRerun>
export type BulkUndoBody = z.input<typeof bulkUndo>
export type BulkUpdateBody = z.input<typeof bulkUpdate>
/** Up to 1,000 jobs: what became of each; above: the job that works through them. */
export type BulkResult = z.output<typeof bulkAnswer> | z.output<typeof bulkStarted>
export type BulkResultsAnswer = z.output<typeof bulkResults>
export type JobStatsAnswer = z.output<typeof jobStats>
export type EventListAnswer = z.output<typeof eventList>
export type QueueAnswer = z.output<typeof queue>
export type QueueListAnswer = z.output<typeof queueList>
export type PauseBody = z.input<typeof pause>
export type NewQueueLimitsBody = z.input<typeof newLimits>
export type QueueLimitsAnswer = z.output<typeof queueLimits>
export type QueueThresholdsBody = z.input<typeof queueThresholds>
export type NewRetentionBody = z.input<typeof newRetention>
export type RetentionAnswer = z.output<typeof retention>
export type RetentionPreviewAnswer = z.output<typeof retentionPreview>
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
export type NewPasswordBody = z.input<typeof newPassword>
export type NewUserBody = z.input<typeof newUser>
export type UserChangesBody = z.input<typeof userChanges>
export type UserAnswer = z.output<typeof user>
export type UserListAnswer = z.output<typeof userList>
export type NewKeyBody = z.input<typeof newKey>
export type MadeKeyAnswer = z.output<typeof madeKey>
export type ApiKeyListAnswer = z.output<typeof apiKeyList>
export type AuditListAnswer = z.output<typeof auditList>
export type AuditVerdictAnswer = z.output<typeof auditVerdict>
export type NewBackupBody = z.input<typeof newBackup>
export type RestoreBody = z.input<typeof restore>
export type BackupListAnswer = z.output<typeof backupList>
export type BackupComparisonAnswer = z.output<typeof backupComparison>
export type FailureChangeBody = z.input<typeof failureChange>
export type FailureGroupAnswer = z.output<typeof failureGroup>
export type FailureListAnswer = z.output<typeof failureList>
export type NotificationListAnswer = z.output<typeof notificationList>
export type NotificationPreferencesBody = z.input<typeof notificationPreferences>
export type ReadCountAnswer = z.output<typeof readCount>
export type SystemAnswer = z.output<typeof system>
export type DoneAnswer = z.output<typeof done>
export type NewPgAgentServerBody = z.input<typeof newPgAgentServer>
export type PgAgentServerChangeBody = z.input<typeof pgAgentServerChange>
export type PgAgentServerAnswer = z.output<typeof pgAgentServer>
export type PgAgentServerListAnswer = z.output<typeof pgAgentServerList>
export type PgAgentExaminationAnswer = z.output<typeof pgAgentExamination>
export type PgAgentInstallBody = z.input<typeof pgAgentInstall>
export type PgAgentInstalledAnswer = z.output<typeof pgAgentInstalled>
export type NewPgAgentJobBody = z.input<typeof newPgAgentJob>
export type PgAgentJobChangeBody = z.input<typeof pgAgentJobChange>
export type PgAgentCloneBody = z.input<typeof pgAgentClone>
export type PgAgentPreviewBody = z.input<typeof pgAgentPreview>
export type PgAgentSqlCheckBody = z.input<typeof pgAgentSqlCheck>
export type PgAgentSqlCheckedAnswer = z.output<typeof pgAgentSqlChecked>
export type PgAgentPreviewedAnswer = z.output<typeof pgAgentPreviewed>
export type PgAgentJobListAnswer = z.output<typeof pgAgentJobList>
export type PgAgentJobAnswer = z.output<typeof pgAgentJob>
export type PgAgentRunAnswer = z.output<typeof pgAgentRun>
export type PgAgentRunListAnswer = z.output<typeof pgAgentRunList>
export type PgAgentRehearsalAnswer = z.output<typeof pgAgentRehearsal>
export type PgAgentImportBody = z.input<typeof pgAgentImport>
export type PgAgentImportedAnswer = z.output<typeof pgAgentImported>
export type PgAgentImportUndoneAnswer = z.output<typeof pgAgentImportUndone>
export type PgAgentNextAnswer = z.output<typeof pgAgentNext>
export type PgAgentClearedAnswer = z.output<typeof pgAgentCleared>
export type PgAgentSqlAnswer = z.output<typeof pgAgentSql>
export type PgAgentClassListAnswer = z.output<typeof pgAgentClassList>
