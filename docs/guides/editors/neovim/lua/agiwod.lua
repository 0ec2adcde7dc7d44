-- The daemon's agents in Neovim (0.7 or newer), over agiwod's own protocol and Neovim's own JSON-RPC.
-- A worked example: it knows one conversation, and shows answers as they come. `agiwod editor --for neovim --native`
-- prints what `init.lua` has to say to have it.

local M = {}

local settings = { cmd = { "agiwod", "stdio" }, agent = nil, on_event = function() end }
local daemon -- the connection, once hands are shaken
local session -- the conversation that `:Agiwod` goes on with
local run -- the run that was started last
local buffer -- where answers appear
local attempts = {} -- of each item that is shown: which attempt at it

local function say(text, level)
  vim.notify("agiwod: " .. text, level or vim.log.levels.INFO)
end

local function append(text)
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  local line = vim.api.nvim_buf_get_lines(buffer, last, last + 1, true)[1]
  vim.api.nvim_buf_set_text(buffer, last, #line, last, #line, vim.split(text, "\n"))
end

local function open()
  if not (buffer and vim.api.nvim_buf_is_valid(buffer)) then
    buffer = vim.api.nvim_create_buf(true, true)
    vim.api.nvim_buf_set_name(buffer, "agiwod")
    vim.api.nvim_buf_set_option(buffer, "filetype", "markdown")
  end
  if vim.fn.bufwinid(buffer) == -1 then
    vim.cmd("botright sbuffer " .. buffer)
  end
end

local shows = {
  ["item/delta"] = function(event)
    if event.data.kind ~= "text" then
      return
    end
    if (attempts[event.itemId] or 1) < event.data.attempt then
      append("\n(that was cut off; once more)\n")
    end
    attempts[event.itemId] = event.data.attempt
    append(event.data.text)
  end,
  ["item/completed"] = function(event)
    if event.data.kind == "toolCall" then
      append("\n[" .. event.data.name .. (event.data.output.isError and " failed" or "") .. "]\n")
    elseif event.data.kind == "agentMessage" and not attempts[event.itemId] then
      append(event.data.text) -- it came whole
    end
    attempts[event.itemId] = nil
  end,
  ["run/completed"] = function()
    append("\n\n")
  end,
  ["run/failed"] = function(event)
    append("\n(failed: " .. event.data.error.message .. ")\n\n")
  end,
  ["run/cancelled"] = function(event)
    append("\n(cancelled: " .. event.data.reason .. ")\n\n")
  end,
}

local function hear(method, event)
  if method ~= "run/event" then
    return
  end
  if buffer and vim.api.nvim_buf_is_valid(buffer) and shows[event.type] then
    shows[event.type](event)
  end
  settings.on_event(event)
end

local function answer(method, asked)
  if method ~= "approval/request" then
    return nil, { code = -32601, message = "this client does not serve " .. method }
  end
  local choices = {}
  for _, option in ipairs(asked.options) do
    table.insert(choices, "&" .. option.name)
  end
  local question = asked.title .. "\n" .. vim.fn.json_encode(asked.subject.arguments)
  local chosen = asked.options[vim.fn.confirm(question, table.concat(choices, "\n"), 0)]
  return chosen and { optionId = chosen.optionId } or vim.empty_dict() -- without one it stays open for others
end

local function start()
  local dispatchers = {
    notification = hear,
    server_request = answer,
    on_error = function(_, fault)
      say(vim.inspect(fault), vim.log.levels.ERROR)
    end,
    on_exit = function()
      daemon = nil -- runs go on; the next question connects again
    end,
  }
  if vim.fn.has("nvim-0.10") == 1 then
    return vim.lsp.rpc.start(settings.cmd, dispatchers)
  end
  return vim.lsp.rpc.start(settings.cmd[1], vim.list_slice(settings.cmd, 2), dispatchers)
end

-- Calls `with(result)`, or tells what the daemon said instead.
local function ask(rpc, method, params, with)
  rpc.request(method, params, function(fault, result)
    if fault then
      say(method .. ": " .. fault.message, vim.log.levels.ERROR)
    else
      with(result)
    end
  end)
end

local function connected(with)
  if daemon then
    return with(daemon)
  end
  local rpc = start()
  if not rpc then
    return
  end
  local hello = {
    protocolVersion = 1,
    clientInfo = { name = "neovim" },
    capabilities = { approvals = vim.empty_dict() },
    workspace = { cwd = vim.fn.getcwd() },
  }
  ask(rpc, "initialize", hello, function()
    rpc.notify("initialized", vim.empty_dict())
    ask(rpc, "agent/list", vim.empty_dict(), function(found)
      settings.agent = settings.agent or found.defaultAgent
      daemon = rpc
      with(rpc)
    end)
  end)
end

-- Ask the agent; the answer appears in a buffer of its own.
function M.ask(text)
  connected(function(rpc)
    open()
    append("> " .. text:gsub("\n", "\n> ") .. "\n\n")
    local params = { agent = settings.agent, input = text, sessionId = session }
    ask(rpc, "run/start", params, function(started)
      run, session = started.runId, started.sessionId
    end)
  end)
end

-- End the answer that is under way.
function M.cancel()
  if run then
    connected(function(rpc)
      ask(rpc, "run/cancel", { runId = run, reason = "cancelled in Neovim" }, function() end)
    end)
  end
end

-- Begin another conversation; the present one stays in the daemon.
function M.new()
  session = nil
end

function M.setup(wanted)
  settings = vim.tbl_extend("force", settings, wanted or {})
  vim.api.nvim_create_user_command("Agiwod", function(command)
    local lines = command.range > 0 and vim.api.nvim_buf_get_lines(0, command.line1 - 1, command.line2, true) or {}
    M.ask(command.args .. (#lines > 0 and "\n\n" .. table.concat(lines, "\n") or ""))
  end, { nargs = "+", range = true, desc = "Ask the agent, about the selection if there is one" })
  vim.api.nvim_create_user_command("AgiwodCancel", M.cancel, { desc = "End the answer" })
  vim.api.nvim_create_user_command("AgiwodNew", M.new, { desc = "Begin another conversation" })
end

return M
