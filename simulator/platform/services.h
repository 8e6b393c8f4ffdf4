#pragma once
// The platform's services as functions from request JSON to reply JSON over a World. No network; thread: the world's.
#include <string>
#include <string_view>

#include "simulator/platform/signature_gate.h"
#include "simulator/platform/world.h"

namespace taxgate::simulator {

class Services {
 public:
  /// Both outlive this.
  Services(World& world, const SignatureGate& gate) : world_(world), gate_(gate) {}

  static bool known(std::string_view service);
  /// What faults are matched on: the requesting taxpayer and the blue number, as far as the request names them.
  struct Facts {
    std::string taxpayer, blue_number;
  };
  Facts facts(std::string_view service, std::string_view json) const;

  /// Handles one request. `context.service` and `request_sha256` are set here. Malformed requests are refused by name
  /// (code 01).
  std::string handle(std::string_view service, std::string_view json, std::string_view signature,
                     RequestContext context);
  /// The reply of this service that refuses with `message`.
  static std::string refusal_json(std::string_view service, const std::string& message);
  /// The answer a repetition would get, whatever really happened.
  static std::string duplicate_json(std::string_view service, std::string_view json);

 private:
  std::string dispatch(std::string_view service, std::string_view json, const RequestContext& context);

  World& world_;
  const SignatureGate& gate_;
};

std::string sha256_hex(std::string_view text);

}  // namespace taxgate::simulator
