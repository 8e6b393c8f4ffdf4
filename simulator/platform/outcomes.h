#pragma once
// What a service answers beside its data: done, or refused with a Chinese sentence. Private to simulator/platform.
#include <string>
#include <string_view>

#include "protocol/leqi.h"

namespace taxgate::simulator {

inline constexpr std::string_view kOk = "00", kNo = "01";

inline leqi::Outcome done() { return {std::string(kOk), "成功"}; }
inline leqi::Outcome refused(std::string message) { return {std::string(kNo), std::move(message)}; }
/// The sentence for a request that cannot be read.
inline std::string malformed(const Error& error) {
  return "请求报文有误:" + (error.field.empty() ? error.id : error.field);
}

}  // namespace taxgate::simulator
