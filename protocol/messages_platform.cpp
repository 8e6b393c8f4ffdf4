// Errors of the tax platform and of the way to it.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kPlatformMessages[] = {
    {"platform.no_answer", "The tax platform did not answer in time.", "税务平台未在规定时间内应答。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    // ---- nothing reached the platform: repeated by itself
    {"platform.not_sent", "The request did not leave for the tax platform.", "请求未发出到税务平台。",
     "Nothing to do: it is sent again by itself.", "无需操作:系统会自动重新发送。"},
    {"platform.name", "The tax platform's host name cannot be resolved.", "税务平台的主机名无法解析。",
     "Check the name server and platform.base_url; work waits.", "请检查域名服务器和 platform.base_url;业务会等待。"},
    {"platform.unreachable", "The tax platform cannot be reached.", "无法连接税务平台。",
     "Check the network and the firewall; work waits and continues by itself.",
     "请检查网络和防火墙;业务会等待并自动继续。"},
    {"platform.certificate", "The tax platform's certificate is not trusted.", "税务平台的证书不受信任。",
     "Compare platform.ca_file with the authority of the channel in use; nothing was sent.",
     "请核对 platform.ca_file 与当前渠道的证书机构;未发送任何内容。"},
    {"platform.tls", "No secure connection to the tax platform could be made.", "无法与税务平台建立安全连接。",
     "Check the clock and whether something between changes the connection; work waits.",
     "请检查系统时钟以及是否有设备干预连接;业务会等待。"},
    {"platform.busy", "The tax platform asks for a pause (HTTP {wanted}).", "税务平台要求暂停调用(HTTP {wanted})。",
     "Nothing to do: work continues after the pause.", "无需操作:暂停结束后自动继续。"},
    {"platform.paused", "Calls to the tax platform pause for {left} seconds, as it asked.",
     "按税务平台要求,调用暂停 {left} 秒。", "Nothing to do: work continues after the pause.",
     "无需操作:暂停结束后自动继续。"},
    {"platform.too_many", "Too many calls to the tax platform are waiting.", "等待调用税务平台的请求过多。",
     "Nothing to do: work waits its turn. Submit more slowly if it lasts.",
     "无需操作:业务会依次处理;如持续出现,请放慢提交。"},
    {"platform.budget_wait", "The call waited too long for its share of the call budget.", "调用等待配额的时间过长。",
     "Nothing to do: it is tried again. Raise the budget if the platform allows more.",
     "无需操作:系统会重试;如平台允许,可提高调用配额。"},
    {"platform.budget_day", "Today's budget of calls to the tax platform is used up.", "今日调用税务平台的配额已用完。",
     "Work continues tomorrow, or raise the budget if the platform allows more.",
     "业务将于次日继续;如平台允许,可提高调用配额。"},
    // ---- the request may have arrived: queried before anything is repeated
    {"platform.connection_lost", "The connection to the tax platform was lost after the request had been sent.",
     "请求发出后与税务平台的连接中断。", "Nothing to do: the outcome is being queried. Do not submit again.",
     "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.answer_cut", "The tax platform's answer broke off.", "税务平台的应答不完整。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.answer_unreadable", "The tax platform's answer cannot be read.", "税务平台的应答无法识别。",
     "The outcome is being queried; do not submit again. If it lasts, compare the SM4 key and the channel.",
     "系统正在查询结果,请勿重复提交;如持续出现,请核对 SM4 密钥和渠道。"},
    {"platform.http_status", "The tax platform answered with HTTP {wanted}.", "税务平台返回 HTTP {wanted}。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.gateway", "The tax platform's gateway answered with the error {wanted}.",
     "税务平台网关返回错误 {wanted}。",
     "The outcome is being queried; do not submit again. If it lasts, ask the platform's support about the code.",
     "系统正在查询结果,请勿重复提交;如持续出现,请就该代码联系平台支持。"},
    {"platform.gzip", "The compressed answer of the tax platform is damaged.", "税务平台的压缩应答已损坏。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.reachable", "The tax platform answers again.", "税务平台已恢复应答。", "", ""},
    // ---- configuration
    {"platform.url", "{field}: \"{wanted}\" is not the address of a platform ({left}).",
     "{field}:“{wanted}”不是平台地址({left})。", "Write it like https://host:port without a path.",
     "请按 https://主机:端口 的形式填写,不含路径。"},
    {"platform.ca_file", "{field}: the file {wanted} holds no readable certificates.",
     "{field}:文件 {wanted} 中没有可读取的证书。", "Name a PEM file with the authority's certificate.",
     "请指定含证书机构证书的 PEM 文件。"},
    {"platform.channel_ca", "{field}: the authority \"{wanted}\" does not belong to this channel; expected {left}.",
     "{field}:证书机构“{wanted}”不属于当前渠道,应为 {left}。",
     "The simulator's authority serves the simulator only, and the simulator no other. Correct channel or file.",
     "模拟渠道只能使用模拟器的证书机构,其他渠道不得使用;请更正渠道或文件。"},
    {"platform.channel_lab", "{field}: --lab runs on the channel {left} only, not on {wanted}.",
     "{field}:--lab 仅可用于 {left} 渠道,不能用于 {wanted}。", "Leave out --lab, or set the channel to the simulator.",
     "请去掉 --lab,或将渠道设为模拟。"},
    {"platform.sm4_key", "{field}: the file {wanted} holds no SM4 key.", "{field}:文件 {wanted} 中没有 SM4 密钥。",
     "It holds 32 hexadecimal digits, or {left} bytes.", "文件应含 32 位十六进制数,或 {left} 字节。"},
    {"platform.unknown_taxpayer", "No platform access is configured for taxpayer {wanted}.",
     "未配置纳税人 {wanted} 的平台接入。", "Add the taxpayer with its SM4 key file to the configuration.",
     "请在配置中添加该纳税人及其 SM4 密钥文件。"},
};
const std::size_t kPlatformMessageCount = std::size(kPlatformMessages);

}  // namespace taxgate
