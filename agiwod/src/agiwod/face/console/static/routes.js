// The screens: each is a module of `screens/` that exports `show(page)`. A new one is a file there, and a line here.

export const ROUTES = [
  // the path, its module, and what the navigation calls it
  ["", "overview", "Overview"],
  ["runs", "runs", "Runs"],
  ["runs/:run", "run"],
  ["approvals", "approvals", "Approvals"],
];
