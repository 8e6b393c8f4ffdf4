#pragma once
// Answers of the pipeline's coroutines, which keep the caller's reply in a shared pointer.

#include <expected>
#include <memory>
#include <utility>

#include "daemon/api/gateway.h"

namespace taxgate::pipeline {

/// Ends the call with this one finding. On the thread that the reply expects (the engine's).
template <class T>
void reply_error(const std::shared_ptr<api::Reply<T>>& reply, Error error) {
  (*reply)(std::unexpected(api::Findings{std::move(error)}));
}

}  // namespace taxgate::pipeline
