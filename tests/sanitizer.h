#pragma once
// How much a test repeats in a sanitizer's build.

namespace taxgate::tests {

#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// Rounds of a test on random data. The release build takes them all; a sanitizer makes each five to ten times slower
/// and looks for faults of memory and arithmetic, which a fifth of the rounds meets as well.
constexpr int rounds(int all) { return kSanitized ? all / 5 : all; }

}  // namespace taxgate::tests
