#pragma once
// The tables the message catalogue is made of, one a room. Each lives in messages_<area>.cpp, so that a room's words
// are changed without touching another's; messages.cpp joins them. A new area is declared here and listed there.
#include <cstddef>

#include "protocol/messages.h"

namespace taxgate {

extern const Message kDoctorMessages[];
extern const std::size_t kDoctorMessageCount;
extern const Message kPreflightMessages[];
extern const std::size_t kPreflightMessageCount;
extern const Message kUsbMessages[];
extern const std::size_t kUsbMessageCount;
extern const Message kSkfMessages[];
extern const std::size_t kSkfMessageCount;

extern const Message kProtocolMessages[], kRulesMessages[], kKeysMessages[], kPlatformMessages[], kStoreMessages[],
    kApiMessages[], kCliMessages[], kSimMessages[], kWireMessages[], kDeviceMessages[], kPipelineMessages[],
    kCreditMessages[], kLawMessages[], kListingMessages[], kJournalMessages[], kWordMessages[];
extern const std::size_t kProtocolMessageCount, kRulesMessageCount, kKeysMessageCount, kPlatformMessageCount,
    kStoreMessageCount, kApiMessageCount, kCliMessageCount, kSimMessageCount, kWireMessageCount, kDeviceMessageCount,
    kPipelineMessageCount, kCreditMessageCount, kLawMessageCount, kListingMessageCount, kJournalMessageCount,
    kWordMessageCount;

}  // namespace taxgate
