// The agiwod protocol, version 1. Generated; do not edit.
// sha256:3e3a41642b273ee2e4adef45ffe7a47a6a2163a68ced33d7f5ecc36711838805

/** An agent as others see it. `source` says where it is defined: builtin, config, python, project, client. `definition` is what a client said of it in `agent/define`, told with the system prompt. */
export interface Agent {
  agentId: string;
  description: string;
  model: string;
  tools: Array<string>;
  skills: Array<string>;
  source: string;
  maxSteps?: number;
  systemPrompt?: string;
  definition?: AgentDefineParams;
}

/** An agent as a table `[agents.ID]` of the settings has it; what is left out is as it is there. `tools` are names and patterns of `tool/list`, `mcp:SERVER/*`, and `agent:ID` for other agents; `skills` likewise those of `skill/list`. `approvals` says who is asked. `workspace` is the directory that its tools may work in. */
export interface AgentDefineParams {
  agentId: string;
  description?: string;
  model?: string;
  systemPrompt?: string;
  tools?: Array<string>;
  skills?: Array<string>;
  workspace?: string;
  approvals?: Array<AgentRule>;
  approvalTimeout?: number;
  maxSteps?: number;
  runTimeout?: number;
  maxOutputTokens?: number;
  contextTokens?: number;
  budget?: RunBudget;
}

/** A page of agents, and the id of the one that is meant when none is named. */
export interface AgentListResult {
  agents: Array<Agent>;
  defaultAgent?: string;
  nextCursor?: string;
}

/** What the agent said. */
export interface AgentMessage {
  kind: "agentMessage";
  text: string;
  finishReason?: string;
  usage?: Usage;
}

/** Names an agent. */
export interface AgentParams {
  agentId: string;
}

/** What becomes of calls of a tool, by patterns of its name and arguments; the first rule that fits counts. */
export interface AgentRule {
  tool: string;
  action: "allow" | "ask" | "deny";
  arguments?: Record<string, string>;
  reason?: string;
}

/** A call that waits. Its id holds a digest of the arguments: no answer fits a call with others. */
export interface Approval {
  approvalId: string;
  runId: string;
  itemId: string;
  title: string;
  subject: ApprovalSubject;
  options: Array<ApprovalChoice>;
  reason?: string;
  createdAt: string;
  expiresAt?: string;
}

/** Something that can be answered, as a client may show it. */
export interface ApprovalChoice {
  optionId: string;
  name: string;
  kind: "allow_once" | "allow_session" | "deny";
}

/** Of which run; of all of them when none is named. */
export interface ApprovalListParams {
  runId?: string;
}

/** The open questions, oldest first. */
export interface ApprovalListResult {
  approvals: Array<Approval>;
}

/** What a client says when it is asked, as in `approval/respond`; without `optionId` it leaves the question open. */
export interface ApprovalReply {
  optionId?: "allow_once" | "allow_session" | "deny";
  reason?: string;
  arguments?: Record<string, unknown>;
}

/** A call waits for somebody's word; the event's `itemId` is the call. */
export interface ApprovalRequested {
  approvalId: string;
  title: string;
  subject: ApprovalSubject;
  options: Array<ApprovalChoice>;
  reason?: string;
}

/** The call waits no more. */
export interface ApprovalResolved {
  approvalId: string;
  name: string;
  outcome: "allow_once" | "allow_session" | "deny" | "cancelled" | "expired";
  by?: string;
  reason?: string;
}

/** The answer. With a `deny`, `reason` is told to the model; else `arguments` may take the place of its own. */
export interface ApprovalRespondParams {
  approvalId: string;
  optionId: "allow_once" | "allow_session" | "deny";
  reason?: string;
  arguments?: Record<string, unknown>;
}

/** How the question ended, also for who came too late; `by` is the name of the client whose answer counted. */
export interface ApprovalRespondResult {
  status: "resolved" | "already_resolved";
  outcome: "allow_once" | "allow_session" | "deny" | "cancelled" | "expired";
  by?: string;
}

/** What would be done. */
export interface ApprovalSubject {
  kind: "toolCall";
  name: string;
  arguments: Record<string, unknown>;
}

/** A run that is followed from now on; or `error`, why it is not. */
export interface Attached {
  runId: string;
  headSeq: number;
  status?: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  error?: ErrorObject;
}

/** Which bytes of which blob; at most 8 MiB at once. */
export interface BlobGetParams {
  blob: string;
  offset?: number;
  limit?: number;
}

/** `data` is base64; `size` is that of the whole blob, in bytes. */
export interface BlobGetResult {
  blob: string;
  offset: number;
  size: number;
  data: string;
}

/** The id of a request under way. */
export interface CancelRequestParams {
  id: string | number;
}

/** A run that this run started. */
export interface ChildRun {
  kind: "childRun";
  runId: string;
  agentId: string;
  status: string;
  response?: string;
}

/** A connection whose client has shaken hands. `runs` are those that it follows; `pid` and `uid` where known. `lag` is how many events of those runs it has yet to be sent. */
export interface Client {
  connectionId: string;
  name: string;
  title?: string;
  version?: string;
  connectedAt: string;
  runs: Array<string>;
  pid?: number;
  uid?: number;
  lag: number;
}

/** What the client can be asked. An absent capability is an unsupported one. */
export interface ClientCapabilities {
  approvals?: Record<string, unknown>;
  tools?: Record<string, unknown>;
}

/** Who calls. `name` is what other clients are shown. */
export interface ClientInfo {
  name: string;
  title?: string;
  version?: string;
}

/** A page of clients, the one that came first first. */
export interface ClientListResult {
  clients: Array<Client>;
  nextCursor?: string;
}

/** A summary that takes the place of so many older messages in what the model is sent from then on. */
export interface Compaction {
  kind: "compaction";
  text: string;
  replaced: number;
}

/** All settings that hold, by tables; secrets are not among the values. */
export interface ConfigListResult {
  settings: Array<ConfigSetting>;
}

/** A setting by its dotted name; without a `value` it is not set. `source` is who said so, `where` the file and line, or the variable, if known. */
export interface ConfigSetting {
  key: string;
  value?: unknown;
  source: string;
  where?: string;
}

/** `url` opens the console in one browser, once, within two minutes; later on it is at `address`. */
export interface ConsoleOpenResult {
  url: string;
  address: string;
}

/** A run to follow, and the last seq of it that the client has. */
export interface Cursor {
  runId: string;
  after?: number;
}

/** An unfinished run. `doing` names the tool that is called, or says what is made; not told of one that waits. Tokens and cost are those since this daemon began to drive it; what is streaming is counted by its letters. */
export interface DaemonActiveRun {
  runId: string;
  parentRunId?: string;
  sessionId: string;
  agentId: string;
  stateId?: string;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  createdAt: string;
  elapsedMs: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
  doing?: string;
}

/** What goes on at the moment `at`. Tokens and cost are those of all runs since the daemon began. `omitted` tells that there are more unfinished runs than those. */
export interface DaemonActivity {
  at: string;
  state: "ready" | "draining" | "degraded";
  version: string;
  uptimeSeconds: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
  counts: DaemonRunCounts;
  runs: Array<DaemonActiveRun>;
  omitted: number;
  clients: Array<Client>;
}

/** How many unfinished runs to tell of, the newest first. */
export interface DaemonActivityParams {
  limit?: number;
}

/** The settings that hold, since `readAt`. `error` says why newer ones were refused, when `state` is failed. What stands in `afterRestart` was changed since the daemon began, and waits for its next start. */
export interface DaemonConfig {
  state: "ok" | "failed";
  readAt: string;
  error?: string;
  afterRestart: Array<string>;
}

/** How long runs may go on at most; without it the daemon's own setting counts. */
export interface DaemonDrainParams {
  seconds?: number;
}

/** When the daemon stops waiting. Unfinished runs resume at the next start. */
export interface DaemonDrainResult {
  deadlineAt: string;
}

/** The daemon takes no new runs and ends at `deadlineAt` at the latest. */
export interface DaemonDraining {
  deadlineAt: string;
}

/** One event of the daemon. `seq` counts the events of all topics, from 1 at each start of the daemon. A client hears of its topics only, so its `seq` has holes. What was dropped before it could be sent is told by the type `event/lost` with `data {after, firstAvailableSeq}`: list again what you watch. */
export interface DaemonEvent {
  seq: number;
  at: string;
  topic: "agent" | "skill" | "mcp" | "run" | "scheduler" | "approval" | "client" | "daemon";
  type: string;
  data: Record<string, unknown>;
}

/** The process that answers. `id` is another one after every start. */
export interface DaemonIdentity {
  id: string;
  pid: number;
  startedAt: string;
}

/** What clients have under way with the daemon, and how much there may be of it. `tasks` are those of its loop. */
export interface DaemonLoad {
  connections: number;
  maxConnections: number;
  requests: number;
  maxRequests: number;
  queuedBytes: number;
  maxQueuedBytes: number;
  runsAtHand: number;
  maxRuns: number;
  tasks: number;
}

/** An OpenRPC document; the notifications of either side, and what a client is asked, stand beside its methods. */
export interface DaemonOpenRpc {
  openrpc: string;
  info: Record<string, unknown>;
  methods: Array<Record<string, unknown>>;
  components: Record<string, unknown>;
  "x-notifications": Array<Record<string, unknown>>;
  "x-client-methods": Array<Record<string, unknown>>;
}

/** How many unfinished runs stand where. */
export interface DaemonRunCounts {
  queued: number;
  running: number;
  waiting: number;
  sleeping: number;
  suspended: number;
}

/** The daemon as it stands. */
export interface DaemonStatus {
  running: boolean;
  state: "ready" | "draining" | "degraded";
  id: string;
  pid: number;
  version: string;
  protocolVersion: number;
  uptimeSeconds: number;
  startedAt: string;
  socket?: string;
  tcp?: string;
  http?: string;
  tokenFile?: string;
  dataDir?: string;
  storage: DaemonStorage;
  config: DaemonConfig;
  telemetry?: DaemonTelemetry;
  clients: number;
  runs: DaemonRunCounts;
  load?: DaemonLoad;
}

/** The store of runs. `error` says in one sentence why it refuses, when `state` is failed. `id` is another one when what was kept is gone and a new store has taken its place. */
export interface DaemonStorage {
  kind: string;
  id?: string;
  state: "ok" | "failed";
  durability?: string;
  error?: string;
}

/** Spans that go elsewhere: how many were sent, dropped for lack of room or time, refused by who is to take them. */
export interface DaemonTelemetry {
  state: "ok" | "failing";
  sent: number;
  dropped: number;
  refused: number;
}

/** No params, or nothing to say in answer. */
export interface Empty {
}

/** An error where no answer of its own can carry it. */
export interface ErrorObject {
  code: number;
  message: string;
  data: Record<string, unknown>;
}

/** What to hear of, and the last seq that the client has; without `after`, what happens from now on. */
export interface EventSubscribeParams {
  topics: Array<"agent" | "skill" | "mcp" | "run" | "scheduler" | "approval" | "client" | "daemon">;
  after?: number;
}

/** `headSeq` is the seq of the newest event; what follows `after` comes right behind this answer. */
export interface EventSubscribeResult {
  headSeq: number;
}

/** Who calls, what it speaks, the runs it wants to go on reading, and the tools that runs started here may use. */
export interface InitializeParams {
  protocolVersion: number;
  clientInfo: ClientInfo;
  capabilities?: ClientCapabilities;
  workspace?: Workspace;
  token?: string;
  tools?: Array<ToolOffered>;
  attach?: Array<Cursor>;
}

/** Who answers, what it can do, what it allows. */
export interface InitializeResult {
  protocolVersion: number;
  supportedVersions: Array<number>;
  schemaHash: string;
  serverInfo: ServerInfo;
  daemon: DaemonIdentity;
  connectionId: string;
  capabilities: Record<string, unknown>;
  limits: Limits;
  attached: Array<Attached>;
  workspace?: Workplace;
}

/** A completed item. */
export type Item = UserMessage | AgentMessage | Reasoning | ToolCall | ChildRun | Plan | Compaction;

/** A piece of an open item. `offset` counts the characters of the item's one stream (all kinds together) within this attempt; a higher attempt replaces what a lower one said. */
export interface ItemDelta {
  kind: "text" | "reasoning" | "toolArguments" | "toolOutput";
  attempt: number;
  offset: number;
  text: string;
}

/** An item was opened; `callId` and `name` belong to a tool call. */
export interface ItemStarted {
  kind: "userMessage" | "agentMessage" | "reasoning" | "toolCall" | "childRun" | "plan" | "compaction";
  callId?: string;
  name?: string;
}

/** What one connection may do. */
export interface Limits {
  maxMessageBytes: number;
  maxInFlight: number;
  maxAttached?: number;
  highWaterBytes: number;
}

/** A page of servers by name, and what was left out. */
export interface McpListResult {
  servers: Array<McpServer>;
  skipped: Array<McpSkipped>;
  nextCursor?: string;
}

/** Names a server. */
export interface McpRestartParams {
  name: string;
}

/** A server. `failed`: it is started again at `againAt`; `parked`: it failed too often, and has to be restarted. `tools` are those that it listed last, as agents name them. `error` says why it does not run. `restarts` counts how often it was started again. */
export interface McpServer {
  name: string;
  transport: "stdio" | "http";
  status: "starting" | "ready" | "failed" | "parked" | "stopped";
  since: string;
  tools: Array<string>;
  restarts: number;
  error?: string;
  againAt?: string;
  pid?: number;
  title?: string;
  protocolVersion?: string;
}

/** What was named somewhere and is not used, and why; without a name it is a whole file. */
export interface McpSkipped {
  path: string;
  reason: string;
  name?: string;
}

/** A model. When it is not `available`, `reason` says what to do about it. */
export interface Model {
  name: string;
  provider: string;
  id: string;
  available: boolean;
  reason?: string;
}

/** A page of models, and what `auto` stands for at present. */
export interface ModelListResult {
  models: Array<Model>;
  auto?: string;
  nextCursor?: string;
}

/** The params of every list: where to go on, and how many at most. */
export interface Page {
  cursor?: string;
  limit?: number;
}

/** A piece of a message: text, or an image or file by `url` or as base64 `data` with its `mimeType`. */
export interface Part {
  type: "text" | "image" | "file";
  text?: string;
  url?: string;
  data?: string;
  mimeType?: string;
}

/** What one `source` makes of a run, in order. After a new connection it begins anew with what is open. */
export interface PeeringDeltas {
  runId: string;
  source: string;
  news: Array<PeeringOpened | PeeringGrown | PeeringDropped | PeeringNoticed>;
}

/** This attempt at an item will not be completed. */
export interface PeeringDropped {
  type: "dropped";
  itemId: string;
  attempt: number;
}

/** An item's stream went on behind `offset` characters. */
export interface PeeringGrown {
  type: "grown";
  itemId: string;
  attempt: number;
  offset: number;
  pieces: Array<PeeringPiece>;
}

/** An ephemeral event of another kind; what `stands` is told to those who come late, too. */
export interface PeeringNoticed {
  type: "noticed";
  event: string;
  data: Record<string, unknown>;
  at: string;
  stands: boolean;
}

/** An item was begun, or is told to a peer that comes late; readers get it after the event `after`. */
export interface PeeringOpened {
  type: "opened";
  itemId: string;
  kind: string;
  data: Record<string, unknown>;
  attempt: number;
  at: string;
  after: number;
}

/** A piece of an item's stream, and of which kind it is. */
export interface PeeringPiece {
  kind: string;
  text: string;
}

/** The runs that are meant. A peer that follows none yet says with an empty list that it is there. */
export interface PeeringRunsParams {
  runIds: Array<string>;
}

/** What the agent means to do. */
export interface Plan {
  kind: "plan";
  steps: Array<Step>;
}

/** The daemon's time. */
export interface Pong {
  at: string;
}

/** What is new in the run. `text` is what the agent says, the name of a tool, a question, or a reason. After `retrying`, what the agent says now begins anew. */
export interface Progress {
  runId: string;
  kind: "text" | "toolCall" | "approval" | "retrying";
  text: string;
}

/** The token of the request that waits, and what is new. None comes after its answer. */
export interface ProgressParams {
  token: string | number;
  value: Progress;
}

/** A directory that was trusted at `trustedAt`, by its path. One that is not `trusted` any more, because it wants something else by now or cannot be read, is left out; the `notice` says why. A client works in a project whose path, or one below it, is the `cwd` of its `workspace`. */
export interface Project {
  root: string;
  trusted: boolean;
  trustedAt?: string;
  notice?: string;
}

/** A page of projects by path. */
export interface ProjectListResult {
  projects: Array<Project>;
  nextCursor?: string;
}

/** What the model thought before it spoke. */
export interface Reasoning {
  kind: "reasoning";
  text: string;
  finishReason?: string;
  usage?: Usage;
}

/** A run as it stands. `model` is the one that it began with, its agent's or the one that was asked for. */
export interface Run {
  runId: string;
  sessionId: string;
  agentId: string;
  model?: string;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  response?: string;
  output?: unknown;
  error?: RunFailure;
  terminationReason?: string;
  usage: Usage;
  headSeq: number;
  parentRunId?: string;
  createdAt: string;
  startedAt?: string;
  endedAt?: string;
}

/** Where to go on reading. */
export interface RunAttachParams {
  runId: string;
  after?: number | Record<string, number>;
  scope?: "run" | "tree";
}

/** The head as the reading begins; with scope `tree`, `heads` has one for each run that exists so far. */
export interface RunAttachResult {
  runId: string;
  headSeq: number;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  heads?: Record<string, number>;
}

/** What a run and its children may use up together. Whatever is left out is not limited. Each request to a model is held against it before it is made; the run ends with the reason `budget_exhausted`. An input that alone has more `tokens` is refused (-32007). */
export interface RunBudget {
  costUsd?: number;
  tokens?: number;
  calls?: number;
  seconds?: number;
}

/** Why, and whether the run's children end too. */
export interface RunCancelParams {
  runId: string;
  reason?: string;
  scope?: "run" | "tree";
}

/** `accepted`: the run was still going. That it has ended is told by its terminal event, not by this. */
export interface RunCancelResult {
  accepted: boolean;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
}

/** The run was ended from outside. */
export interface RunCancelled {
  reason: string;
  usage?: Usage;
  durationMs?: number;
}

/** A run that it started has ended. */
export interface RunChildFinished {
  runId: string;
  agentId: string;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
}

/** The run started another one. */
export interface RunChildSpawned {
  runId: string;
  agentId: string;
  sessionId: string;
}

/** The run ended with an answer, which is empty if it had no words. */
export interface RunCompleted {
  response: string;
  output?: unknown;
  terminationReason: string;
  usage: Usage;
  durationMs: number;
}

/** One event of a run. Durable events have `seq` (1, 2, 3 … without a hole); ephemeral ones have `after`, the seq that they follow. */
export interface RunEvent {
  runId: string;
  seq?: number;
  after?: number;
  at: string;
  type: string;
  itemId?: string;
  data: Record<string, unknown>;
}

/** A page of a run's durable events. */
export interface RunEventsParams {
  runId: string;
  after?: number;
  limit?: number;
}

/** A page of events; more follow while the last one's seq is below `headSeq`. */
export interface RunEventsResult {
  events: Array<RunEvent>;
  headSeq: number;
}

/** The run ended by a failure; `response` is what had been answered before. */
export interface RunFailed {
  error: RunFailure;
  response?: string;
  terminationReason: string;
  usage: Usage;
  durationMs?: number;
}

/** Why a run failed. */
export interface RunFailure {
  kind: string;
  message: string;
  retryable: boolean;
}

/** The id of a run or of a trace, or the beginning of one that no other has. */
export interface RunFindParams {
  id: string;
}

/** The run that is meant, or the first one of the trace that is. */
export interface RunFindResult {
  runId: string;
}

/** Which runs to list, newest first. */
export interface RunListParams {
  cursor?: string;
  limit?: number;
  sessionId?: string;
  agentId?: string;
  parentRunId?: string;
  statuses?: Array<"queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled">;
}

/** A page of runs; `nextCursor` is there when more follow. */
export interface RunListResult {
  runs: Array<Run>;
  nextCursor?: string;
}

/** Something a reader should know, such as why a run is suspended. Not kept. */
export interface RunLog {
  level: "debug" | "info" | "warning" | "error";
  message: string;
}

/** An answer was not what `outputSchema` asks for. Unless a limit is reached, it is asked for again. */
export interface RunOutputRejected {
  message: string;
}

/** Names a run. */
export interface RunParams {
  runId: string;
}

/** The run is recorded and waits for its turn. `traceparent`: the span that it is below, if it is below one. */
export interface RunQueued {
  agentId: string;
  sessionId: string;
  model?: string;
  traceparent?: string;
}

/** A finished run, and who does it once more: `model`, or the one that it had. What was answered before event `fromSeq` stands. `attach`: follow the new run. */
export interface RunReplayParams {
  runId: string;
  model?: string;
  fromSeq?: number;
  attach?: boolean;
}

/** `accepted`: the run was suspended, and is tried again. Its events tell what comes of that. */
export interface RunResumeResult {
  accepted: boolean;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
}

/** The run goes on after its process was gone. */
export interface RunResumed {
  agentId: string;
}

/** A request to the model is made once more, after `delay` seconds. */
export interface RunRetrying {
  attempt: number;
  delay: number;
  reason: string;
  kind?: string;
}

/** What to run, and how. `model` takes the place of the agent's own for this run. `traceparent` (W3C Trace Context) names the span that the run is to be below; what is none is ignored. With an `outputSchema` (JSON Schema 2020-12, at most 64 KiB, which refers to nothing but itself) the last answer is held against it, and asked for again at most twice; then it is the run's `output`, or the run fails with an error of the kind `output_invalid`. */
export interface RunStartParams {
  agent: string;
  input: string | Array<Part>;
  sessionId?: string;
  model?: string;
  idempotencyKey?: string;
  outputSchema?: Record<string, unknown>;
  budget?: RunBudget;
  onDisconnect?: "continue" | "cancel";
  attach?: boolean;
  traceparent?: string;
}

/** The run is recorded. `deduplicated`: it was started before, by the same `idempotencyKey`. `toolsLeftOut` are tools of this client that the run does not have: its agent has its own of these names. */
export interface RunStartResult {
  runId: string;
  sessionId: string;
  status: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  headSeq: number;
  deduplicated: boolean;
  toolsLeftOut?: Array<string>;
}

/** The run began. */
export interface RunStarted {
  agentId: string;
  sessionId: string;
  model: string;
  parentRunId?: string;
}

/** What to tell a run that is under way; its next model call includes it. */
export interface RunSteerParams {
  runId: string;
  input: string | Array<Part>;
}

/** `timeoutMs`: how long to wait at most; then the answer is -32008, and the run goes on. With a `progressToken` the client is told by `$/progress` what the run says meanwhile. */
export interface RunWaitParams {
  runId: string;
  timeoutMs?: number;
  progressToken?: string | number;
}

/** When an agent is to begin what. `cron` has five fields: minute, hour, day of the month, month, day of the week; or six, with the second before them. `timezone` is a name such as Europe/Berlin; without it, that of the daemon's machine. `overlap` says what becomes of a time that comes while the state of the time before is still at work: it is skipped, or begins when that one has ended (what else comes due meanwhile counts as one). */
export interface SchedulerAddCronParams {
  cronId?: string;
  agent: string;
  input: string | Array<Part>;
  cron: string;
  timezone?: string;
  overlap?: "skip" | "queue";
}

/** Why it is to end, and all below it. */
export interface SchedulerCancelParams {
  stateId: string;
  reason?: string;
}

/** A schedule: at the times that `cron` names in `timezone`, a new state of the agent begins with that input. */
export interface SchedulerCron {
  cronId: string;
  agentId: string;
  input: string | Array<Part>;
  cron: string;
  timezone: string;
  overlap: "skip" | "queue";
  nextAt?: string;
  last?: SchedulerFiring;
  fired: number;
  createdAt: string;
  runId: string;
}

/** Names a schedule. */
export interface SchedulerCronParams {
  cronId: string;
}

/** `accepted`: it had not ended yet. That it has ended is told by its `status`. */
export interface SchedulerEndResult {
  accepted: boolean;
  status: "pending" | "running" | "sleeping" | "completed" | "failed" | "cancelled";
}

/** What became of a time that a schedule named: `runId` was begun for it, in the state `stateId`. `late`: by how many seconds, when it was more than one: the daemon was down, or the machine slept. However many times passed meanwhile, there is one firing. `skipped`: `runId`, of the firing before, was still at work. `error` says why nothing could be begun. */
export interface SchedulerFiring {
  dueAt: string;
  at: string;
  stateId?: string;
  runId?: string;
  late?: number;
  skipped: boolean;
  error?: string;
}

/** A page of schedules, newest first; `nextCursor` is there when more follow. */
export interface SchedulerListCronsResult {
  crons: Array<SchedulerCron>;
  nextCursor?: string;
}

/** Which states to list, newest first; `roots`: only those that no other agent started. */
export interface SchedulerListParams {
  cursor?: string;
  limit?: number;
  parentStateId?: string;
  agentId?: string;
  statuses?: Array<"pending" | "running" | "sleeping" | "completed" | "failed" | "cancelled">;
  roots?: boolean;
}

/** A page of states; `nextCursor` is there when more follow. */
export interface SchedulerListResult {
  states: Array<SchedulerState>;
  nextCursor?: string;
}

/** There is no next time any more; what the schedule has begun goes on. */
export interface SchedulerRemoveCronResult {
  cronId: string;
}

/** A scheduled agent as it stands. It outlives its runs: `runId` is the task that it works on, or did last. A persistent one takes task after task, each a run in its session; `queued` of them wait for their turn, and between two of them it sleeps. `closing`: it was asked to sum up and end. `result` is what came out of the task once it is over: the answer, or why there is none. `tokens` and `costUsd` are what it has used for the task by itself, `elapsedMs` how long that takes, or took. `task` and `result` are cut after 500 characters in lists and trees. */
export interface SchedulerState {
  stateId: string;
  agentId: string;
  sessionId: string;
  parentStateId?: string;
  depth: number;
  persistent: boolean;
  status: "pending" | "running" | "sleeping" | "completed" | "failed" | "cancelled";
  closing: boolean;
  runId: string;
  runStatus: "queued" | "running" | "waiting" | "sleeping" | "suspended" | "completed" | "failed" | "cancelled";
  task: string;
  queued: number;
  wake?: SchedulerWake;
  wakeCount: number;
  result?: string;
  tokens: number;
  costUsd?: number;
  elapsedMs: number;
  createdAt: string;
  updatedAt: string;
}

/** Names a state. */
export interface SchedulerStateParams {
  stateId: string;
}

/** Who is to work on what. Beside its own tools the agent gets `spawn_agent`, `sleep_and_wait` and `query_spawned_agent`. A `persistent` one stays when its task is done, and takes others (`scheduler/submitTask`) until it is shut down. `stateId` may be chosen, of characters that can be printed, and is a conflict while a state of that id is at work. */
export interface SchedulerSubmitParams {
  agent: string;
  input: string | Array<Part>;
  persistent?: boolean;
  stateId?: string;
  sessionId?: string;
  idempotencyKey?: string;
}

/** The task is recorded. `deduplicated`: it was submitted before, with the same `idempotencyKey`. */
export interface SchedulerSubmitResult {
  stateId: string;
  sessionId: string;
  runId: string;
  deduplicated: boolean;
}

/** What a persistent agent is to do next; its tasks are done one after the other. */
export interface SchedulerSubmitTaskParams {
  stateId: string;
  input: string | Array<Part>;
  idempotencyKey?: string;
}

/** Whose tree; without `stateId`, those of all roots that have not ended, newest first. */
export interface SchedulerTreeParams {
  stateId?: string;
  limit?: number;
}

/** The states, each before those below it and these in the order in which they were started. `omitted`: there are more than `limit`, and those that are missing were started last. */
export interface SchedulerTreeResult {
  states: Array<SchedulerState>;
  omitted: boolean;
}

/** Which task to wait for: without `taskId`, the one that was submitted last. `timeoutMs`: how long to wait at most; then the answer is -32008, and the task goes on. With a `progressToken` the client is told by `$/progress` what the task says meanwhile. */
export interface SchedulerWaitParams {
  stateId: string;
  taskId?: string;
  timeoutMs?: number;
  progressToken?: string | number;
}

/** What a sleeping agent waits for: `all` or `any` of these states to end, a time, a period, or its next task. `ended` are those of `states` that have ended. `wakeAt` is when a timer or a period wakes it, `timeoutAt` when it is woken whatever has ended by then. */
export interface SchedulerWake {
  type: "waitset" | "timer" | "periodic" | "task";
  mode: "all" | "any";
  states: Array<string>;
  ended: Array<string>;
  wakeAt?: string;
  timeoutAt?: string;
}

/** The program that answers. */
export interface ServerInfo {
  name: string;
  version: string;
}

/** A conversation. `head` is the run that its history ends with, of which `headSeq`, if there, is the last event. */
export interface Session {
  sessionId: string;
  agentId: string;
  createdAt: string;
  updatedAt: string;
  head?: string;
  headSeq?: number;
  forkedFrom?: string;
}

/** Whose conversation it will be; `sessionId` may be chosen, and is a conflict when it exists. */
export interface SessionCreateParams {
  agent: string;
  sessionId?: string;
}

/** What is gone: the session, and so many runs: its own, and those that agents below them made. */
export interface SessionDeleteResult {
  sessionId: string;
  runs: number;
}

/** Where the new session's history ends; its id may be chosen, and is a conflict when it exists. */
export interface SessionForkParams {
  sessionId: string;
  at: string;
  seq?: number;
  newSessionId?: string;
}

/** A completed item of the session's history, and where it stands in its run. */
export interface SessionHistoryItem {
  runId: string;
  seq: number;
  itemId?: string;
  at: string;
  item: Record<string, unknown>;
}

/** Which session's history to read, oldest first. */
export interface SessionHistoryParams {
  cursor?: string;
  limit?: number;
  sessionId: string;
}

/** A page of history; `nextCursor` is there when more follow. */
export interface SessionHistoryResult {
  items: Array<SessionHistoryItem>;
  nextCursor?: string;
}

/** Which sessions to list, the one used last first. */
export interface SessionListParams {
  cursor?: string;
  limit?: number;
  agentId?: string;
}

/** A page of sessions; `nextCursor` is there when more follow. */
export interface SessionListResult {
  sessions: Array<Session>;
  nextCursor?: string;
}

/** Names a session. */
export interface SessionParams {
  sessionId: string;
}

/** Where the history is to end: with the run `at`, or with its event `seq`; 0 is the moment before the run. */
export interface SessionRewindParams {
  sessionId: string;
  at: string;
  seq?: number;
}

/** A skill. `path` is its `SKILL.md`; `version` changes whenever that does. An error among the diagnostics says that the file was broken: what is told is the version from before. */
export interface Skill {
  name: string;
  description: string;
  path: string;
  source: "bundled" | "user" | "project" | "configured";
  version: string;
  diagnostics: Array<SkillDiagnostic>;
}

/** A skill with its text, and the files that belong to it, relative to its directory. */
export interface SkillDetail {
  name: string;
  description: string;
  path: string;
  source: "bundled" | "user" | "project" | "configured";
  version: string;
  diagnostics: Array<SkillDiagnostic>;
  body: string;
  resources: Array<string>;
  license?: string;
  compatibility?: string;
  metadata: Record<string, string>;
}

/** What is to be said of a `SKILL.md`, and of which line of it. */
export interface SkillDiagnostic {
  severity: "error" | "warning";
  message: string;
  line?: number;
}

/** A page of skills by name, and what was left out. */
export interface SkillListResult {
  skills: Array<Skill>;
  skipped: Array<SkillSkipped>;
  nextCursor?: string;
}

/** Names a skill. */
export interface SkillParams {
  name: string;
}

/** The names of the skills that have changed since they were looked at before. */
export interface SkillReloadResult {
  added: Array<string>;
  changed: Array<string>;
  removed: Array<string>;
}

/** What was looked at and is not used, and why. */
export interface SkillSkipped {
  path: string;
  reason: string;
  line?: number;
}

/** An absolute path, as the daemon sees it, of a skill or of a directory with skills in it. */
export interface SkillValidateParams {
  path: string;
}

/** Whether everything keeps to the specification, and what does not. */
export interface SkillValidateResult {
  ok: boolean;
  results: Array<SkillValidated>;
}

/** What is to be said of one place; with a name when there is a skill that can be used. */
export interface SkillValidated {
  path: string;
  name?: string;
  diagnostics: Array<SkillDiagnostic>;
}

/** One line of a plan. */
export interface Step {
  text: string;
  status: string;
}

/** How much is kept: runs by their status, records, sessions, scheduled agents, blobs, and all of it in bytes. */
export interface StorageMeasure {
  kind: string;
  runs: Record<string, number>;
  records: number;
  sessions: number;
  states: number;
  blobs: number;
  bytes: number;
}

/** What is kept: what was used within so many days, and so many of the newest runs. `dryRun`: only look. */
export interface StoragePruneParams {
  keepDays?: number;
  keepRuns?: number;
  dryRun?: boolean;
}

/** How many runs and sessions have gone, or would go, and blobs that only they named. */
export interface StoragePruneResult {
  runs: number;
  sessions: number;
  blobs: number;
}

/** A tool. `effect` says what a second call would do; `asks`, that some of its calls need somebody's approval first. `source` is the package that adds it, `agiwo`, or the MCP server that has it. `modelName` is what models call it, when that is another name. */
export interface Tool {
  name: string;
  description: string;
  effect: "read" | "idempotent" | "once";
  asks: boolean;
  source: string;
  modelName?: string;
}

/** A tool call and its outcome. */
export interface ToolCall {
  kind: "toolCall";
  callId: string;
  name: string;
  arguments?: unknown;
  output: ToolOutput;
  durationMs: number;
}

/** A call, whose arguments fit the tool. `itemId` is the item of the run that it is, and no other call's. `callId` is what the model calls it, as in that item. What is sent again has the same ids. */
export interface ToolCallParams {
  runId: string;
  itemId: string;
  callId: string;
  name: string;
  arguments: Record<string, unknown>;
}

/** What a call gave: `content` for the model, `value` for programs, `contentForUser` for people. Without `content` the model reads the value. At most 1 MiB as JSON. */
export interface ToolCallResult {
  content?: string;
  contentForUser?: string;
  value?: unknown;
  isError?: boolean;
}

/** A tool of a package that cannot be used, and why. */
export interface ToolFault {
  name: string;
  source: string;
  message: string;
}

/** A call that the client makes itself: the tool by its name in `tool/list`, and arguments that fit it. A call that needs approval is denied (-32006) unless it is `approved`: the client's own word, so ask its user first. */
export interface ToolInvokeParams {
  name: string;
  arguments?: Record<string, unknown>;
  approved?: boolean;
}

/** A page of tools, and what is wrong with others. */
export interface ToolListResult {
  tools: Array<Tool>;
  faults: Array<ToolFault>;
  nextCursor?: string;
}

/** A tool of a client, which becomes a tool of the runs that it starts. `inputSchema` is one of an object. A call has `timeoutMs` (600,000 unless it says so), however often the client is away meanwhile. After the client was away the same call comes again, unless the `effect` is `once`: then the model is told that nobody knows. */
export interface ToolOffered {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
  effect?: "read" | "idempotent" | "once";
  timeoutMs?: number;
}

/** What a tool gave: `content` for the model, `contentForUser` for people, `value` for programs. */
export interface ToolOutput {
  content?: unknown;
  contentForUser?: unknown;
  value?: unknown;
  isError: boolean;
}

/** What a run and those below it did, in sum. Tokens and cost are those of the model calls. */
export interface Trace {
  traceId: string;
  runId: string;
  agentId: string;
  sessionId: string;
  userId?: string;
  status: "running" | "ok" | "error" | "cancelled";
  startAt: string;
  endAt?: string;
  durationMs?: number;
  inputTokens: number;
  outputTokens: number;
  llmCalls: number;
  toolCalls: number;
  costUsd?: number;
  costBasis: string;
  rootSpanId: string;
  schemaUrl: string;
}

/** A trace by its id, or by a run of it: then of that run and those below it. `content`: what was said, too. With `seq`, of that run alone as it stood at that event of it: a first look at a long trace, which costs no more than what there was by then. */
export interface TraceGetParams {
  traceId?: string;
  runId?: string;
  content?: boolean;
  seq?: number;
  after?: number;
  limit?: number;
}

/** The trace, and its spans behind the first `after`; `total` tells how many there are. With `content` a page may have fewer than the `limit`, so that a message can hold it. */
export interface TraceGetResult {
  trace: Trace;
  spans: Array<TraceSpan>;
  total: number;
}

/** Which traces, newest first; durations in milliseconds. `startTime` and `endTime` bound when a trace began. */
export interface TraceListParams {
  cursor?: string;
  limit?: number;
  agentId?: string;
  sessionId?: string;
  userId?: string;
  status?: "running" | "ok" | "error" | "cancelled";
  startTime?: string;
  endTime?: string;
  minDurationMs?: number;
  maxDurationMs?: number;
}

/** A page of traces; `nextCursor` is there when more may follow. */
export interface TraceListResult {
  traces: Array<Trace>;
  nextCursor?: string;
}

/** A part of a run. `attributes` have the names of OpenTelemetry; `metrics` tell tokens, cost and times. A span with the status `unset` was cut by a sleep or a restart, and one that `links` to it goes on. `input`, `output` and `message`, the words of an error, are there when they were asked for. */
export interface TraceSpan {
  spanId: string;
  parentSpanId?: string;
  kind: "agent" | "llm_call" | "tool_call" | "retry" | "approval" | "sleep";
  name: string;
  startAt: string;
  endAt?: string;
  durationMs?: number;
  status: "unset" | "running" | "ok" | "error" | "cancelled";
  errorType?: string;
  message?: string;
  input?: string;
  output?: string;
  runId: string;
  depth: number;
  links: Array<string>;
  attributes: Record<string, unknown>;
  metrics: Record<string, unknown>;
}

/** Tokens, and what they cost. Cached tokens are part of the input, reasoning tokens of the output. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  costUsd?: number;
  costBasis: "known" | "estimated" | "lowerBound";
}

/** What was said to the agent. */
export interface UserMessage {
  kind: "userMessage";
  content: Array<Part>;
}

/** The project that the client works in. One that is not `trusted` is left out; users should see the `notice`. */
export interface Workplace {
  root: string;
  trusted: boolean;
  notice?: string;
}

/** Where the client works. In a project that is trusted, its runs have the agents and skills of that, too. */
export interface Workspace {
  cwd: string;
}

export interface Methods {
  "initialize": { params: InitializeParams; result: InitializeResult };
  "ping": { params: Empty; result: Pong };
  "shutdown": { params: Empty; result: Empty };
  "daemon/status": { params: Empty; result: DaemonStatus };
  "daemon/activity": { params: DaemonActivityParams; result: DaemonActivity };
  "daemon/drain": { params: DaemonDrainParams; result: DaemonDrainResult };
  "daemon/stop": { params: DaemonDrainParams; result: DaemonDrainResult };
  "rpc/discover": { params: Empty; result: DaemonOpenRpc };
  "config/list": { params: Empty; result: ConfigListResult };
  "storage/get": { params: Empty; result: StorageMeasure };
  "storage/prune": { params: StoragePruneParams; result: StoragePruneResult };
  "console/open": { params: Empty; result: ConsoleOpenResult };
  "console/close": { params: Empty; result: Empty };
  "event/subscribe": { params: EventSubscribeParams; result: EventSubscribeResult };
  "event/unsubscribe": { params: Empty; result: Empty };
  "client/list": { params: Page; result: ClientListResult };
  "project/list": { params: Page; result: ProjectListResult };
  "agent/list": { params: Page; result: AgentListResult };
  "agent/get": { params: AgentParams; result: Agent };
  "agent/define": { params: AgentDefineParams; result: Agent };
  "agent/remove": { params: AgentParams; result: Empty };
  "model/list": { params: Page; result: ModelListResult };
  "tool/list": { params: Page; result: ToolListResult };
  "tool/call": { params: ToolInvokeParams; result: ToolCallResult };
  "mcp/list": { params: Page; result: McpListResult };
  "mcp/restart": { params: McpRestartParams; result: McpServer };
  "skill/list": { params: Page; result: SkillListResult };
  "skill/get": { params: SkillParams; result: SkillDetail };
  "skill/reload": { params: Empty; result: SkillReloadResult };
  "skill/validate": { params: SkillValidateParams; result: SkillValidateResult };
  "session/create": { params: SessionCreateParams; result: Session };
  "session/fork": { params: SessionForkParams; result: Session };
  "session/rewind": { params: SessionRewindParams; result: Session };
  "session/list": { params: SessionListParams; result: SessionListResult };
  "session/get": { params: SessionParams; result: Session };
  "session/history": { params: SessionHistoryParams; result: SessionHistoryResult };
  "session/delete": { params: SessionParams; result: SessionDeleteResult };
  "run/start": { params: RunStartParams; result: RunStartResult };
  "run/wait": { params: RunWaitParams; result: Run };
  "run/steer": { params: RunSteerParams; result: Empty };
  "run/cancel": { params: RunCancelParams; result: RunCancelResult };
  "run/resume": { params: RunParams; result: RunResumeResult };
  "run/attach": { params: RunAttachParams; result: RunAttachResult };
  "run/detach": { params: RunParams; result: Empty };
  "run/replay": { params: RunReplayParams; result: RunStartResult };
  "run/get": { params: RunParams; result: Run };
  "run/list": { params: RunListParams; result: RunListResult };
  "run/find": { params: RunFindParams; result: RunFindResult };
  "run/events": { params: RunEventsParams; result: RunEventsResult };
  "scheduler/submit": { params: SchedulerSubmitParams; result: SchedulerSubmitResult };
  "scheduler/submitTask": { params: SchedulerSubmitTaskParams; result: SchedulerSubmitResult };
  "scheduler/wait": { params: SchedulerWaitParams; result: Run };
  "scheduler/cancel": { params: SchedulerCancelParams; result: SchedulerEndResult };
  "scheduler/shutdown": { params: SchedulerStateParams; result: SchedulerEndResult };
  "scheduler/get": { params: SchedulerStateParams; result: SchedulerState };
  "scheduler/list": { params: SchedulerListParams; result: SchedulerListResult };
  "scheduler/tree": { params: SchedulerTreeParams; result: SchedulerTreeResult };
  "scheduler/addCron": { params: SchedulerAddCronParams; result: SchedulerCron };
  "scheduler/listCrons": { params: Page; result: SchedulerListCronsResult };
  "scheduler/removeCron": { params: SchedulerCronParams; result: SchedulerRemoveCronResult };
  "approval/list": { params: ApprovalListParams; result: ApprovalListResult };
  "approval/respond": { params: ApprovalRespondParams; result: ApprovalRespondResult };
  "trace/list": { params: TraceListParams; result: TraceListResult };
  "trace/get": { params: TraceGetParams; result: TraceGetResult };
  "blob/get": { params: BlobGetParams; result: BlobGetResult };
  "peer/follow": { params: PeeringRunsParams; result: Empty };
  "peer/unfollow": { params: PeeringRunsParams; result: Empty };
}

export interface ClientMethods {
  "tool/call": { params: ToolCallParams; result: ToolCallResult };
  "approval/request": { params: Approval; result: ApprovalReply };
}

export interface Events {
  "initialized": Empty;
  "exit": Empty;
  "$/cancelRequest": CancelRequestParams;
  "daemon/draining": DaemonDraining;
  "daemon/event": DaemonEvent;
  "run/event": RunEvent;
  "$/progress": ProgressParams;
  "peer/deltas": PeeringDeltas;
}

export interface RunEvents {
  "run/queued": RunQueued;
  "run/started": RunStarted;
  "run/resumed": RunResumed;
  "run/retrying": RunRetrying;
  "run/completed": RunCompleted;
  "run/failed": RunFailed;
  "run/cancelled": RunCancelled;
  "child/spawned": RunChildSpawned;
  "child/finished": RunChildFinished;
  "approval/requested": ApprovalRequested;
  "approval/resolved": ApprovalResolved;
  "item/started": ItemStarted;
  "item/delta": ItemDelta;
  "output/rejected": RunOutputRejected;
  "usage/updated": Usage;
  "log": RunLog;
  "item/completed": Item;
}
