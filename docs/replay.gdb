# replay.gdb - a replayed schedule under gdb: it stops where something goes wrong, in the process that rehearses.
#   gdb -x docs/replay.gdb --args build/davit rehearse RECIPE … --replay ID
# Davit forks a process for the rehearsal, and that one another for the undisturbed run: gdb follows into the first
# and stays there. Its alarm, which ends a run that hangs, must not go off while somebody reads.
set pagination off
set breakpoint pending on
set print thread-events off
set print inferior-events off
handle SIGALRM nopass nostop noprint
break rehearsal_explore
commands
  silent
  set follow-fork-mode child
  continue
end
break explorer_die_with_parent
commands
  silent
  set follow-fork-mode parent
  continue
end
break go_wrong
run
