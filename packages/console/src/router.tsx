import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { Frame } from './frame/frame.tsx'
import { Lost } from './frame/lost.tsx'
import { clean, type Search } from './parts/go.tsx'
import { Loading, Problem } from './parts/states.tsx'
import { consoleBase } from './session.tsx'

const root = createRootRoute({ component: Frame, notFoundComponent: Lost })

/** A page: where it is, and what loads it. */
function page(path: string, load: () => Promise<Record<string, unknown>>) {
  return createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: (search: Search) => search,
    component: lazyRouteComponent(load as () => Promise<{ default: () => React.ReactNode }>),
  })
}

const routes = [
  page('/', () => import('./pages/overview/overview.tsx')),
  page('/list', () => import('./pages/list/list.tsx')),
  page('/errors', () => import('./pages/errors/errors.tsx')),
  page('/errors/$fingerprint', () => import('./pages/errors/error.tsx')),
  page('/queues', () => import('./pages/queues/queues.tsx')),
  page('/queues/$queue', () => import('./pages/queues/queue.tsx')),
  page('/workers', () => import('./pages/workers/workers.tsx')),
  page('/workers/$id', () => import('./pages/workers/worker.tsx')),
  page('/new', () => import('./pages/run/run.tsx')),
  page('/inbox', () => import('./pages/inbox/inbox.tsx')),
  page('/audit', () => import('./pages/audit/audit.tsx')),
  page('/schedules', () => import('./pages/schedules/schedules.tsx')),
  page('/schedules/new', () => import('./pages/schedules/editor.tsx')),
  page('/schedules/$id', () => import('./pages/schedules/schedule.tsx')),
  page('/schedules/$id/edit', () => import('./pages/schedules/editor.tsx')),
  page('/flows', () => import('./pages/flows/flows.tsx')),
  page('/flows/$id', () => import('./pages/flows/flow.tsx')),
  page('/templates', () => import('./pages/templates/templates.tsx')),
  page('/pgagent', () => import('./pages/pgagent/servers.tsx')),
  page('/pgagent/$sid', () => import('./pages/pgagent/server.tsx')),
  page('/pgagent/$sid/new', () => import('./pages/pgagent/editor.tsx')),
  page('/pgagent/$sid/jobs/$jobId', () => import('./pages/pgagent/job.tsx')),
  page('/pgagent/$sid/jobs/$jobId/edit', () => import('./pages/pgagent/editor.tsx')),
  page('/backups', () => import('./pages/backups/backups.tsx')),
  page('/settings', () => import('./pages/settings/settings.tsx')),
  page('/settings/$section', () => import('./pages/settings/settings.tsx')),
  page('/$id', () => import('./pages/job/job.tsx')),
]

/** Addresses are plain: ?q=state:failed&sort=-created, every value a text. */
export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: consoleBase,
  parseSearch: (text: string) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search: Record<string, unknown>) => {
    const text = new URLSearchParams(clean(search as Search) as Record<string, string>).toString()
    return text === '' ? '' : `?${text.replaceAll('%3A', ':').replaceAll('%2C', ',')}`
  },
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => (
    <div style={{ padding: 24 }}>
      <Problem error={error} retry={reset} what="This page has failed." />
    </div>
  ),
})
