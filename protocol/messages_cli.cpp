// Errors of the command line and of configuration files.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kCliMessages[] = {
    {"cli.usage", "The command line cannot be understood: {wanted}.", "无法识别的命令行:{wanted}。",
     "Try: taxgate help", "请运行:taxgate help"},
};
const std::size_t kCliMessageCount = std::size(kCliMessages);

}  // namespace taxgate
