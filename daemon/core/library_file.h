#pragma once
// A shared library of somebody else's that one of our processes is to load: may it be, and can it be? Looks at the
// file only and loads nothing, so that root's `taxgate doctor` can ask too. Blocking; any thread.
#include <string>

#include "protocol/error.h"

namespace taxgate {

/// The file that would be loaded (symbolic links followed). Whoever may change the library acts with the rights of the
/// key host, so the file and every directory above it must belong to root, or to the owner of this very program, who
/// could change that too; and nobody else may write there (a directory with the sticky bit excepted).
/// errors  invalid_input skf.path (not absolute), skf.missing (left: the system's word), skf.writable (left: which
/// file),
///         skf.elf (left: what it is)
/// source  System V ABI, ELF header
Result<std::string> check_library_file(const std::string& path);

}  // namespace taxgate
