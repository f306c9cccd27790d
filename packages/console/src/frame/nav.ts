import {
  IconActivity,
  IconAlertOctagon,
  IconArchive,
  IconCalendar,
  IconClipboardList,
  IconDatabaseCog,
  IconFileText,
  IconHierarchy2,
  IconListDetails,
  IconServer2,
  IconSettings,
  IconStack2,
} from '@tabler/icons-react'
import type { Role } from '@trunkline/client/contract'

/** A page that the rail leads to. */
export interface Place {
  to: string
  label: string
  icon: typeof IconActivity
  /** The letter after `g`. */
  key: string
  /** Whom it is for; others see why not. */
  role?: Role
}

/** The rail: groups of pages. A page that does not work yet is not in it. */
export const groups: { label: string; places: Place[] }[] = [
  {
    label: 'Operate',
    places: [
      { to: '/', label: 'Overview', icon: IconActivity, key: 'o' },
      { to: '/list', label: 'Jobs', icon: IconListDetails, key: 'j' },
      { to: '/errors', label: 'Errors', icon: IconAlertOctagon, key: 'e' },
      { to: '/queues', label: 'Queues', icon: IconStack2, key: 'q' },
      { to: '/workers', label: 'Workers', icon: IconServer2, key: 'w' },
    ],
  },
  {
    label: 'Plan',
    places: [
      { to: '/schedules', label: 'Schedules', icon: IconCalendar, key: 's' },
      { to: '/flows', label: 'Flows', icon: IconHierarchy2, key: 'f' },
      { to: '/templates', label: 'Templates', icon: IconFileText, key: 't' },
    ],
  },
  { label: 'pgAgent', places: [{ to: '/pgagent', label: 'pgAgent servers', icon: IconDatabaseCog, key: 'p' }] },
  {
    label: 'Care',
    places: [
      { to: '/backups', label: 'Backups', icon: IconArchive, key: 'b' },
      { to: '/audit', label: 'Audit', icon: IconClipboardList, key: 'a', role: 'admin' },
    ],
  },
  { label: 'Admin', places: [{ to: '/settings', label: 'Settings', icon: IconSettings, key: ',' }] },
]

export const places: Place[] = groups.flatMap((group) => group.places)
