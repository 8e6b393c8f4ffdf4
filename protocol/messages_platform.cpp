// Errors of the tax platform and of the way to it. What the platform itself said is never translated: it is shown
// verbatim.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kPlatformMessages[] = {
    // ---- certainly not sent
    {"platform.name", "The tax platform's host name could not be resolved.", "无法解析税务平台的主机名。",
     "Nothing was sent; it is tried again. Check DNS and platform.base_url.",
     "未发送,将自动重试;请检查 DNS 和 platform.base_url。"},
    {"platform.unreachable", "The tax platform could not be reached.", "无法连接税务平台。",
     "Nothing was sent; it is tried again. Check network, firewall and platform.base_url.",
     "未发送,将自动重试;请检查网络、防火墙和 platform.base_url。"},
    {"platform.tls", "The secure connection to the tax platform failed.", "与税务平台的安全连接失败。",
     "Nothing was sent; it is tried again. Check that platform.base_url names a TLS port.",
     "未发送,将自动重试;请确认 platform.base_url 为 TLS 端口。"},
    {"platform.certificate", "The tax platform's certificate is not trusted or names another host.",
     "税务平台的证书不受信任或与主机名不符。",
     "Nothing was sent. Check platform.ca_file and platform.base_url; do not switch the check off.",
     "未发送;请检查 platform.ca_file 和 platform.base_url,切勿关闭校验。"},
    {"platform.not_sent", "The connection broke before the request left.", "请求发出前连接中断。",
     "Nothing was sent; it is tried again.", "未发送,将自动重试。"},
    {"platform.busy", "The tax platform is busy (HTTP {wanted}) and asks for a pause of {left} s.",
     "税务平台繁忙(HTTP {wanted}),要求暂停 {left} 秒。", "Nothing to do: calls go on after the pause.",
     "无需操作:暂停后自动继续。"},
    {"platform.paused", "The tax platform asked for a pause; {left} s of it are left.",
     "税务平台要求暂停,还剩 {left} 秒。", "Nothing to do: calls go on after the pause.", "无需操作:暂停后自动继续。"},
    {"platform.budget_day", "The budget of calls in 24 hours (platform.calls_per_day) is spent.",
     "24 小时调用次数(platform.calls_per_day)已用完。",
     "Work waits and goes on as calls become free. Raise the bound if the platform allows it.",
     "工作将等待,有余量后自动继续;如平台允许可调高上限。"},
    {"platform.budget_wait", "The call waited too long for its turn (platform.calls_per_second, max_concurrent).",
     "调用排队等待超时(platform.calls_per_second、max_concurrent)。",
     "Nothing was sent; it is tried again. Raise the bounds if this lasts.",
     "未发送,将自动重试;若持续出现请调高上限。"},
    {"platform.too_many", "Too many calls wait for the tax platform.", "等待税务平台的调用过多。",
     "Nothing was sent; it is tried again.", "未发送,将自动重试。"},

    // ---- it may have arrived
    {"platform.no_answer", "The tax platform did not answer in time.", "税务平台未在规定时间内应答。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.connection_lost", "The connection broke after the request had left.", "请求发出后连接中断。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.answer_cut", "The tax platform's answer was cut short.", "税务平台的应答不完整。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
    {"platform.answer_unreadable", "The tax platform's answer could not be read.", "税务平台的应答无法解读。",
     "The outcome is being queried; do not submit again. If this lasts, check the taxpayer's SM4 key.",
     "系统正在查询结果,请勿重复提交;若持续出现请检查该纳税人的 SM4 密钥。"},
    {"platform.http_status", "The tax platform answered with HTTP status {wanted}.",
     "税务平台返回 HTTP 状态 {wanted}。",
     "The outcome is being queried; do not submit again. If 4xx lasts, check ability and unit codes.",
     "系统正在查询结果,请勿重复提交;若持续为 4xx,请检查能力编码和单位编号。"},
    {"platform.gateway", "The tax platform's gateway answered with error {wanted}.", "税务平台网关返回错误 {wanted}。",
     "The outcome is being queried; do not submit again. The gateway's own words are in the log.",
     "系统正在查询结果,请勿重复提交;网关原文见日志。"},
    {"platform.gzip", "The tax platform's compressed answer is damaged or too long.",
     "税务平台的压缩应答已损坏或过长。", "Nothing to do: the outcome is being queried.", "无需操作:系统正在查询结果。"},

    // ---- our own set-up
    {"platform.unknown_taxpayer", "{field}: no SM4 key is configured for {wanted}.",
     "{field}:未配置 {wanted} 的 SM4 密钥。", "Add the taxpayer with its sm4_key_file to the configuration.",
     "请在配置中加入该纳税人及其 sm4_key_file。"},
    {"platform.sm4_key", "{field}: {wanted} holds no SM4 key.", "{field}:{wanted} 中不是 SM4 密钥。",
     "The file holds {left} bytes, or twice as many hexadecimal digits.",
     "文件应为 {left} 字节,或其两倍的十六进制数字。"},
    {"platform.url", "{field}: \"{wanted}\" is not an address of a tax platform.",
     "{field}:“{wanted}”不是税务平台地址。", "Write it like {left}; only https is spoken.",
     "请按 {left} 的形式填写,仅支持 https。"},
    {"platform.ca_file", "{field}: {wanted} holds no certificate that can be read.",
     "{field}:{wanted} 中没有可读取的证书。", "Give a PEM file with the platform's authority.",
     "请提供平台根证书的 PEM 文件。"},
    {"platform.channel_ca", "{field}: the authority \"{wanted}\" does not belong to this channel ({left}).",
     "{field}:证书颁发者“{wanted}”与渠道不符({left})。",
     "The simulator's channel takes only the simulator's authority, every other channel never.",
     "模拟渠道只能使用模拟器的根证书,其他渠道不得使用。"},
    {"platform.channel_lab", "{field}: --lab exists only on the channel {left}, not on {wanted}.",
     "{field}:--lab 仅用于渠道 {left},不能用于 {wanted}。", "Start without --lab.", "请去掉 --lab 启动。"},
};
const std::size_t kPlatformMessageCount = std::size(kPlatformMessages);

}  // namespace taxgate
