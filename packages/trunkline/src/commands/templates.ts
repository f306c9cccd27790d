import type { TemplateView } from '@trunkline/engine'
import type { Command } from 'commander'
import { cliActor, wantsJson, withTrunkline } from '../command.ts'
import { parsePayload } from '../payload.ts'
import { plain, printJson, printTable } from '../print.ts'

interface TemplateFlags {
  name?: string
  task?: string
  payload?: string
  options?: string
  inputSchema?: string
  description?: string
}

function withTemplate(command: Command): Command {
  return command
    .option('--task <task>', 'the task of its jobs')
    .option('--payload <json>', 'their payload, or @file, or - for standard input')
    .option('--options <json>', 'queue, priority, maxAttempts, timeoutMs, tags')
    .option('--input-schema <json>', 'JSON Schema that payloads of its jobs have to fit, or @file')
    .option('--description <text>', 'for people')
}

/** `trunkline templates`: saved tasks with payload and options. */
export function templatesCommand(program: Command): void {
  const templates = program.command('templates').description('list, make and change saved tasks with payload and options')
  templates.command('list', { isDefault: true }).description('templates with their uses').action(list)
  templates.command('show <template>').description('a template and its versions; by id or name').action(show)
  withTemplate(templates.command('create <name>').description('make a template')).action(create)
  withTemplate(
    templates.command('edit <template>').description('change what is given, as the next version').option('--name <name>', 'another name'),
  ).action(edit)
  templates.command('delete <template>').description('delete a template that no schedule uses').action(remove)
}

function printTemplate(view: TemplateView, command: Command): void {
  if (wantsJson(command)) printJson(view)
  else console.log(plain(`${view.id}  ${view.name}: ${view.task}, version ${view.version}, used ${view.uses} times`))
}

async function list(_options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ templates }) => {
    const found = await templates.list({ limit: 10_000 })
    if (wantsJson(command)) return printJson({ data: found })
    printTable(
      ['NAME', 'TASK', 'QUEUE', 'VERSION', 'USES', 'SCHEDULES'],
      found.map((t) => [t.name, t.task, t.queue, t.version, t.uses, t.schedules]),
      'no templates; make one with: trunkline templates create',
    )
  })
}

async function show(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ templates }) => {
    const view = await templates.get(id)
    const versions = await templates.versions(view.id)
    if (wantsJson(command)) return printJson({ ...view, versions })
    printTemplate(view, command)
    printTable(
      ['VERSION', 'AT', 'BY', 'PAYLOAD'],
      versions.map((v) => [v.version, v.at.toISOString(), v.by, JSON.stringify(v.body.payload)]),
      'no versions',
    )
  })
}

function said({ task, payload, options, inputSchema, description }: TemplateFlags) {
  return {
    ...(task === undefined ? {} : { task }),
    ...(payload === undefined ? {} : { payload: parsePayload(payload) }),
    ...(options === undefined ? {} : { options: parsePayload(options) as object }),
    ...(inputSchema === undefined ? {} : { inputSchema: parsePayload(inputSchema) }),
    ...(description === undefined ? {} : { description }),
  }
}

async function create(name: string, flags: TemplateFlags, command: Command): Promise<void> {
  await withTrunkline(command, async ({ templates }) => {
    printTemplate(await templates.create({ task: '', ...said(flags), name }, cliActor()), command)
  })
}

async function edit(id: string, flags: TemplateFlags, command: Command): Promise<void> {
  await withTrunkline(command, async ({ templates }) => {
    const { name, description, task, payload, options, inputSchema, version, id: found } = await templates.get(id)
    const base = { name: flags.name ?? name, description, task, payload, options, inputSchema }
    printTemplate(await templates.update(found, { ...base, ...said(flags) }, { by: cliActor(), expected: version }), command)
  })
}

async function remove(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ templates }) => {
    const { name } = await templates.get(id)
    await templates.delete(id)
    if (wantsJson(command)) printJson({ ok: true })
    else console.log(plain(`template ${name} is deleted`))
  })
}
