#pragma once
// GM/T 0017 status words → Error, in one table.
#include <cstdint>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::gmt0017 {

/// What a status word other than 9000 means for the caller. `context` names the command, for the log.
/// errors  rejected       key.pin_wrong (left = tries), key.locked, key.no_application, key.no_container,
/// key.no_certificate,
///                        key.no_key_pair, key.card_refused (any other refusal)
///         retry_later    key.reset (the card forgot the login or the selection: log in again)
///         device_gone    key.card_failed (the card reports a fault of its own)
Error status_error(std::uint16_t status, std::string_view context);

/// A tax disk's own refusals. Third-party programs report them as sense data 09D1xx and 09E105, and a card's status
/// words the same way (096983): so the status word is what stands behind the 09 (unverified).
bool is_disk_refusal(std::uint16_t status);
/// returns  rejected key.disk_refused, `wanted` "09D109"
Error disk_refused(std::uint16_t status, std::string_view context);

}  // namespace taxgate::gmt0017
