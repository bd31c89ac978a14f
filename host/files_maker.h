/* files_maker.h - names of files that are on their way to their place, which tell who makes them.
 *
 * A name is ".davit-" and 24 hexadecimal digits: the machine (its name, and the process numbers' own
 * namespace), the process, when it began, and chance; six each. So who comes upon such a file knows
 * whether somebody is still at it. */
#ifndef FILES_MAKER_H
#define FILES_MAKER_H
#include <stdbool.h>

/* A new name in the folder of the path, with that folder; NULL: out of memory, or no chance. */
char *files_name_beside(const char *path);
/* Such a name, of whatever machine: the file is nobody's yet. */
bool files_is_unplaced(const char *name);
/* True when its maker was a process of this machine and has ended. */
bool files_is_orphan(const char *name);
#endif
