"""The scenes that come with phi_sol, one experiment a file. Copy a file, edit it, and give its path to the commands."""
