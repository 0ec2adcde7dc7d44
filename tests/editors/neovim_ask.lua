-- What a person does in Neovim, and what is seen of it: one JSON object on stdout. Its init.lua is what `agiwod editor` prints.
local events = {}
vim.fn.confirm = function(question)
  table.insert(events, { type = "asked", question = question })
  return 1
end
local ended = 0
require("agiwod").setup({
  agent = vim.env.AGIWOD_AGENT,
  on_event = function(event)
    table.insert(events, event)
    if event.type:match("^run/[cf]") then
      ended = ended + 1
    end
  end,
})
vim.api.nvim_buf_set_lines(0, 0, -1, true, { "one", "two" })
vim.cmd("2,2Agiwod what is this?")
assert(vim.wait(60000, function() return ended == 1 end), "the run did not end")
vim.cmd("Agiwod and again?")
assert(vim.wait(60000, function() return ended == 2 end), "the second run did not end")
local lines = vim.api.nvim_buf_get_lines(vim.fn.bufnr("agiwod"), 0, -1, true)
io.stdout:write(vim.fn.json_encode({ events = events, lines = lines }) .. "\n")
vim.cmd("qall!")
