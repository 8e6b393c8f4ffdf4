#pragma once
// OpenSSL's objects as owners, and its answers as exceptions. Private to this room.

#include <stdexcept>

namespace taxgate::simulator {

/// For std::unique_ptr: frees with OpenSSL's own function.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

/// Refused: out of memory, or a build without SM2. Nothing that a simulator could go on from.
inline void check(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL refused an operation of the simulated key");
}

}  // namespace taxgate::simulator
