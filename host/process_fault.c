/* process_fault.c - why a program could not be started, found out afterwards; see process_fault.h.
 *
 * execve() has few words: ENOENT is a file that is missing or the interpreter that its first line
 * names, EACCES one of six things. So the files are looked at once more, in the order in which the
 * guard tried them. */
#include "process_fault.h"
#include "buf.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { HEAD = 256, LIST = 380 };

/* ---- one file ---------------------------------------------------------------------------- */

/* The path from the root, as far as it can be told; "" is the folder itself. */
static void resolve(const struct process_place *p, const char *name, char *full, size_t size)
{
  char here[PATH_MAX] = "";
  const char *cwd = *name != '/' && p->cwd ? p->cwd : "";
  if (*name != '/' && *cwd != '/' && !getcwd(here, sizeof here))
    here[0] = 0;
  name += strncmp(name, "./", 2) == 0 ? 2 : 0;
  int n = snprintf(full, size, "%s%s%s%s%s", here, *here && *cwd ? "/" : "", cwd,
                   *name && *name != '/' ? "/" : "", name);
  if (n < 0 || (size_t)n >= size)
    snprintf(full, size, "%s", name);
}

static const char *machine_name(unsigned number)
{
  static const struct { unsigned number; const char *name; } known[] = {
    {EM_X86_64, "x86_64"}, {EM_386, "i386"}, {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
    {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"}, {EM_S390, "s390"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].number == number)
      return known[i].name;
  return "another machine";
}

static size_t read_head(const char *file, char *head)
{
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD);
  if (fd >= 0)
    close(fd);
  n = n < 0 ? 0 : n;
  head[n] = 0;
  return (size_t)n;
}

static void explain_script(struct fault *f, const char *program, const char *file, char *head)
{
  char *name = head + 2 + strspn(head + 2, " \t");
  name[strcspn(name, " \t\n")] = 0;
  size_t len = strlen(name);
  bool windows = len > 0 && name[len - 1] == '\r';
  name[len - windows] = 0;
  fault_set(f, "process-failed", "fatal", "cannot start '%.100s': the first line of %.150s asks for '%.150s'%s",
            program, file, name, windows ? " with a carriage return behind it" :
            access(name, F_OK) != 0 ? ", which is not there" : ", which cannot be executed");
  fault_hint(f, windows ? "the file has the line ends of Windows: convert it, and see core.autocrlf of git"
                        : "install it, or write '#!/usr/bin/env NAME'");
}

static void explain_binary(struct fault *f, const char *program, const char *file, const char *head)
{
  struct utsname here;
  unsigned machine = (unsigned char)head[18] | (unsigned)(unsigned char)head[19] << 8;
  if (head[EI_DATA] == ELFDATA2MSB)
    machine = (unsigned)(unsigned char)head[18] << 8 | (unsigned char)head[19];
  if (uname(&here) == 0 && strcmp(machine_name(machine), here.machine) != 0) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.200s was built for %s, this machine is %.40s",
              program, file, machine_name(machine), here.machine);
    fault_hint(f, "install the build for this machine");
    return;
  }
  fault_set(f, "process-failed", "fatal", "cannot start '%.100s': the loader that %.200s was linked with is not there",
            program, file);
  fault_hint(f, "it was built for another system, musl or glibc perhaps: 'file' and 'readelf -l' name its loader");
}

/* The file is there and may be executed, and still it could not be. */
static void explain_content(struct fault *f, const char *program, const char *file, int error)
{
  char head[HEAD + 1];
  size_t n = read_head(file, head);
  bool elf = n >= 20 && memcmp(head, ELFMAG, SELFMAG) == 0;
  if (n > 2 && memcmp(head, "#!", 2) == 0) {
    explain_script(f, program, file, head);
  } else if (elf && error != EACCES) {
    explain_binary(f, program, file, head);
  } else if (error == EACCES) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.200s: %s", program, file, strerror(error));
    fault_hint(f, "may its folders be entered, and programs be run from its file system (noexec)?");
  } else {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.200s is no program and has no '#!' line",
              program, file);
    fault_hint(f, "a script begins with '#!/usr/bin/env NAME'; or give argv = { \"sh\", FILE }");
  }
}

/* True when something is there, in which case the fault says why it is no program to start. */
static bool explain_file(struct fault *f, const char *program, const char *file, int error)
{
  struct stat st;
  bool seen = stat(file, &st) == 0;
  if (!seen && errno != EACCES)
    return false;
  if (!seen) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.250s: %s", program, file, strerror(EACCES));
    fault_hint(f, "may all its folders be entered?");
  } else if (S_ISDIR(st.st_mode)) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.250s is a folder", program, file);
  } else if (!S_ISREG(st.st_mode)) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.250s is no regular file", program, file);
  } else if (access(file, X_OK) != 0) {
    fault_set(f, "process-failed", "fatal", "cannot start '%.100s': %.250s may not be executed (mode %04o)", program,
              file, (unsigned)st.st_mode & 07777);
    fault_hint(f, "chmod +x, or 'git update-index --chmod=+x' where it comes from a repository");
  } else {
    explain_content(f, program, file, error);
  }
  return true;
}

/* ---- the search -------------------------------------------------------------------------- */

static void add_folder(struct buf *list, const char *folder)
{
  struct stat st;
  if (list->len)
    buf_add_str(list, ", ");
  buf_add_str(list, folder);
  if (stat(folder, &st) != 0)
    buf_add_str(list, errno == EACCES ? " (may not be entered)" : " (is not there)");
  else if (!S_ISDIR(st.st_mode))
    buf_add_str(list, " (is no folder)");
}

/* True when one of the folders has something of that name; else they are listed. */
static bool search(struct fault *f, const struct process_place *p, int error, struct buf *list)
{
  const char *path = p->path ? p->path : PROCESS_DEFAULT_PATH;
  for (const char *dir = path; dir; dir = strchr(dir, ':')) {
    char part[PATH_MAX], folder[PATH_MAX], file[PATH_MAX + NAME_MAX];
    dir += *dir == ':';
    int len = (int)strcspn(dir, ":");
    snprintf(part, sizeof part, "%.*s", len, dir);
    resolve(p, part, folder, sizeof folder);
    snprintf(file, sizeof file, "%s/%s", folder, p->program);
    struct stat st;
    bool is_folder = stat(file, &st) == 0 && S_ISDIR(st.st_mode);  // one of that name is passed by
    if (!is_folder && explain_file(f, p->program, file, error))
      return true;
    add_folder(list, folder);
  }
  return false;
}

static void look_in_path(struct fault *f, const struct process_place *p, int error)
{
  struct buf list;
  buf_init(&list, 64 * 1024);
  if (!search(f, p, error, &list)) {
    const char *text = buf_str(&list);
    fault_set(f, "process-not-found", "fatal", "cannot start '%.80s': not found in the folders of PATH%s: %.*s%s",
              p->program, p->path ? "" : ", which is not set", LIST, text, strlen(text) > LIST ? "…" : "");
    if (strchr(p->program, ' '))
      fault_hint(f, "argv is a list of arguments, { \"ls\", \"-l\" }; a line for the shell is `command`");
    else
      fault_hint(f, "install it, name its path, or pass env = { PATH = … }");
  }
  buf_free(&list);
}

static void look_at_path(struct fault *f, const struct process_place *p, int error)
{
  char full[PATH_MAX];
  resolve(p, p->program, full, sizeof full);
  if (explain_file(f, p->program, full, error))
    return;
  fault_set(f, "process-not-found", "fatal", "cannot start '%.100s': there is no file %.300s", p->program, full);
  if (*p->program != '/')
    fault_hint(f, "a relative path counts from the folder the program starts in (cwd)");
}

/* ---- for process_guard.c ------------------------------------------------------------------- */

static bool concerns_file(int error)
{
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == ENOEXEC || error == ELIBBAD ||
         error == EISDIR;
}

void process_fault_start(struct fault *f, const struct process_place *p, int error)
{
  if (concerns_file(error)) {
    (strchr(p->program, '/') ? look_at_path : look_in_path)(f, p, error);
    return;
  }
  fault_set(f, "process-failed", "fatal", "cannot start '%.200s': %s", p->program, strerror(error));
  if (error == E2BIG)
    fault_hint(f, "its arguments and environment are too long: use input or a file");
  else if (error == EMFILE || error == ENFILE)
    fault_hint(f, "run fewer at once, or raise 'ulimit -n'");
  else if (error == EAGAIN)
    fault_hint(f, "run fewer at once, or raise 'ulimit -u' or the container's limit of processes");
  else if (error == ENOMEM)
    fault_hint(f, "the machine, the container or the limit `memory` has no room for it");
}

void process_fault_folder(struct fault *f, const struct process_place *p, int error)
{
  char full[PATH_MAX];
  resolve(p, "", full, sizeof full);
  fault_set(f, "process-failed", "fatal", "cannot start '%.100s' in the folder '%.250s': %s", p->program,
            p->cwd ? p->cwd : full, strerror(error));
}

void process_fault_input(struct fault *f, const struct process_place *p, const char *file, int error)
{
  fault_set(f, "process-failed", "fatal", "cannot start '%.100s': its input '%.250s' cannot be read: %s", p->program,
            file, strerror(error));
  fault_hint(f, "a relative path counts from the project's folder, or else the one Davit runs in, not from cwd");
}

void process_fault_lost(struct fault *f, const struct process_place *p, bool sent)
{
  fault_set(f, "process-lost", sent ? "unknown" : "fatal", "the guard of '%.200s' has ended: %s", p->program,
            sent ? "how far the program came is not known" : "it was not started");
  fault_hint(f, "something killed Davit's helper process, perhaps for want of memory");
}
