#pragma once
// The database file: how it is made, recognised, checked and brought up to date (docs/store.md has the schema and the
// reason of each choice). Private to this room.
#include <cstdint>
#include <string>

#include "daemon/store/sql.h"

namespace taxgate::store {

inline constexpr int kSchemaVersion = 10;
inline constexpr std::int64_t kApplicationId = 0x54584754;  // "TXGT", in the file's header
inline constexpr int kPageSize = 8192;                      // two to three acceptances a page; 4096 wastes half of it

/// Makes a complete database under a temporary name and renames it into place, so that a file called `path` is always
/// whole. errors  limit_reached store.full, retry_later store.io, invalid_input file.unwritable
Result<void> create_database(const std::string& path, const std::string& vfs);

/// Looks at an existing file without changing a byte of it: header, kind, version, and, when it was not closed
/// properly, the structure of every page. errors  corrupt store.corrupt, invalid_input store.foreign_file,
/// store.newer_schema
Result<void> inspect_database(const std::string& path, const std::string& vfs);

/// Sets the connection up for writing (WAL, synchronous=FULL, no automatic checkpoint) and reads every setting back.
/// errors  retry_later store.pragma and those of SQLite
Result<void> prepare_for_writing(Connection& connection);

/// Brings an older schema up to date, one version a transaction. errors  those of SQLite
Result<void> migrate(Connection& connection);

/// "Closed properly" mark: set at the end of a clean stop, taken away before the first write.
Result<void> set_clean_mark(Connection& connection, bool clean);

}  // namespace taxgate::store
