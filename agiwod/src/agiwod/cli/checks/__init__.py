"""What `agiwod doctor` looks at: one file an area, each check a function from the patient to what was found."""
