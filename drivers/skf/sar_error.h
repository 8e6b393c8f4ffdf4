#pragma once
// GM/T 0016 answers (SAR_*) → Error, in one table.
#include <cstdint>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::skf {

inline constexpr std::uint32_t kOk = 0, kNotSupported = 0x0A000003, kPinIncorrect = 0x0A000024, kPinLocked = 0x0A000025,
                               kPinInvalid = 0x0A000026, kAlreadyLoggedIn = 0x0A000028;

/// Whether the function only reads, so that a device that went away did nothing, or may have acted (VerifyPIN, sign).
enum class Effect : std::uint8_t { reads, acts };

/// What an answer other than SAR_OK means for the caller. `function` is for the log.
/// errors  rejected    key.pin_wrong, key.locked, key.no_application, key.no_container, key.no_certificate,
/// key.no_key_pair,
///                     key.card_refused (any other refusal, wanted: the code)
///         retry_later key.reset (not logged in any more) · device_gone key.gone · outcome_unknown key.interrupted
///         invalid_input key.pin_length (nothing was presented) · corrupt key.card_format (no room for its answer)
Error sar_error(std::uint32_t sar, Effect effect, std::string_view function);

}  // namespace taxgate::skf
