// Message rows of the local API and of events out (daemon/api, daemon/events).
#include <cstddef>

#include "protocol/messages.h"

namespace taxgate {

extern const Message kApiMessages[];
extern const std::size_t kApiMessageCount;

const Message kApiMessages[] = {
    {"api.body_size", "The request body is larger than {left} bytes.", "请求体超过 {left} 字节。", "Send fewer lines or invoices in one request.", "请减少单次请求的明细或发票数量。"},
    {"api.both_keys", "The header Idempotency-Key and the field idempotency_key differ.", "请求头 Idempotency-Key 与字段 idempotency_key 不一致。", "Send one of them, or the same value in both.", "只发送其中一个,或使两者相同。"},
    {"api.connections", "The gateway has {left} connections open and takes no more now.", "网关已有 {left} 个连接,暂不接受新连接。", "Repeat after Retry-After; use a pool of kept-alive connections.", "请在 Retry-After 之后重试,并复用长连接。"},
    {"api.empty_body", "The request has no body.", "请求没有内容。", "Send the request's JSON or protobuf message.", "请发送 JSON 或 protobuf 内容。"},
    {"api.forbidden", "The caller {wanted} lacks the role for this: {left}.", "调用方 {wanted} 没有所需角色:{left}。", "Ask an administrator to grant the role (taxgate caller add).", "请管理员授予角色(taxgate caller add)。"},
    {"api.header_size", "The request's header is larger than {left}.", "请求头超过 {left}。", "Remove cookies and other fields the gateway does not use.", "请去掉网关不使用的请求头。"},
    {"api.http", "This is not a well-formed HTTP/1.1 request: {wanted}.", "不是合法的 HTTP/1.1 请求:{wanted}。", "Use an HTTP client library; check the proxy in between.", "请使用标准 HTTP 客户端,并检查中间的代理。"},
    {"api.idempotency_key", "The idempotency key must be 1 to {left} printable ASCII characters.", "幂等键须为 1 至 {left} 个可见 ASCII 字符。", "Use the billing system's own document number or a UUID.", "请使用计费系统的单据号或 UUID。"},
    {"api.idempotency_key_missing", "The submission has no idempotency key (header Idempotency-Key or field {field}).", "提交缺少幂等键(请求头 Idempotency-Key 或字段 {field})。", "Send a key that stays the same when the request is repeated; without it a repeat could reverse twice.", "请发送重试时不变的键;没有它,重试可能造成重复红冲。"},
    {"api.listen", "Cannot listen on {field}: {wanted}.", "无法监听 {field}:{wanted}。", "Check the address, the directory's permissions and whether another program uses it.", "请检查地址、目录权限以及是否被其他程序占用。"},
    {"api.media_type", "The content type {wanted} is not understood.", "不支持的内容类型 {wanted}。", "Send {left} (curl: --json).", "请使用 {left}(curl:--json)。"},
    {"api.method", "{wanted} is not possible here; allowed: {left}.", "此处不支持 {wanted},允许:{left}。", "See docs/api.md.", "请参阅 docs/api.md。"},
    {"api.no_reply", "The gateway gave no answer in time.", "网关未在限定时间内应答。", "Ask for the submission by its idempotency key before repeating; see the daemon's log.", "重试前请先按幂等键查询提交,并查看守护进程日志。"},
    {"api.no_route", "There is nothing at {wanted}.", "没有 {wanted} 这个地址。", "See docs/api.md or GET /v1/openapi.json.", "请参阅 docs/api.md 或 GET /v1/openapi.json。"},
    {"api.not_loopback", "The address {wanted} of {field} is not a loopback address.", "{field} 的地址 {wanted} 不是本机回环地址。", "Use 127.0.0.1 or ::1; for other hosts use mutual TLS (tls_port).", "请使用 127.0.0.1 或 ::1;跨主机请使用双向 TLS(tls_port)。"},
    {"api.protobuf", "The body is not a well-formed {wanted} message.", "请求体不是合法的 {wanted} 消息。", "Generate the client from protocol/api.proto; strings must be UTF-8.", "请用 protocol/api.proto 生成客户端;字符串须为 UTF-8。"},
    {"api.query", "The query is not well-formed at {field}.", "查询参数 {field} 格式错误。", "Encode it as name=value pairs, each name once.", "请按 name=value 编码,同名参数只出现一次。"},
    {"api.query_range", "{field} must be {left}; it is {wanted}.", "{field} 应为 {left},实际为 {wanted}。", "Correct the parameter.", "请更正该参数。"},
    {"api.slow_request", "The request did not arrive completely within {left}.", "请求未在 {left} 内完整到达。", "Check the network and the sender.", "请检查网络与发送方。"},
    {"api.socket_in_use", "Another program serves the socket {field}.", "套接字 {field} 正被其他程序使用。", "Stop the other taxgated, or configure another socket.", "请停止另一个 taxgated,或改用其他套接字。"},
    {"api.tls_files", "The TLS file {field} cannot be used: {wanted}.", "TLS 文件 {field} 无法使用:{wanted}。", "Check the path, the PEM form and that key and certificate belong together.", "请检查路径、PEM 格式,以及密钥与证书是否匹配。"},
    {"api.token_file", "The token file {field} cannot be used: {wanted}.", "令牌文件 {field} 无法使用:{wanted}。", "Write one line of 20 to 512 printable characters and set mode 0600.", "请写入一行 20 至 512 个可见字符,并将权限设为 0600。"},
    {"api.unauthorized", "The gateway does not know this caller: {wanted}.", "网关不认识该调用方:{wanted}。", "Register the caller with: taxgate caller add (a uid, a token or a client certificate).", "请用 taxgate caller add 登记调用方(uid、令牌或客户端证书)。"},
    {"api.unknown_field", "The field {field} is not part of {wanted}.", "字段 {field} 不属于 {wanted}。", "Remove it, or use the version of protocol/api.proto this gateway serves.", "请删除该字段,或使用本网关版本的 protocol/api.proto。"},
    {"api.unknown_query", "The query parameter {field} does not exist here; known: {left}.", "此处没有查询参数 {field},可用:{left}。", "Correct the name or remove it.", "请更正名称或删除。"},
    {"caller.credential", "The caller {wanted} has nothing to be recognised by.", "调用方 {wanted} 没有任何识别方式。", "Give a uid, a token or a client certificate.", "请提供 uid、令牌或客户端证书。"},
    {"caller.hash", "{field} is not a SHA-256 in 64 lower-case hex digits.", "{field} 不是 64 位小写十六进制的 SHA-256。", "Use taxgate caller add, which computes it.", "请使用 taxgate caller add 计算。"},
    {"caller.name", "A caller's name is 1 to 64 of a-z, 0-9, point, underscore and hyphen.", "调用方名称为 1 至 64 个 a-z、0-9、点、下划线或连字符。", "Choose another name.", "请更换名称。"},
    {"caller.not_found", "There is no caller {wanted}.", "没有名为 {wanted} 的调用方。", "List them with: taxgate caller list", "请用 taxgate caller list 查看。"},
    {"caller.role", "The role {wanted} does not exist; roles: {left}.", "角色 {wanted} 不存在,可用:{left}。", "Correct the role.", "请更正角色。"},
    {"caller.uid", "The uid {wanted} is not possible.", "uid {wanted} 无效。", "Give a number from 0 to 4294967294.", "请提供 0 至 4294967294 的数字。"},
    {"events.cursor", "The cursor {field} was not given by this gateway.", "游标 {field} 不是本网关给出的。", "Use the cursor of an event or of next, unchanged; leave it out to start from the beginning.", "请原样使用事件的 cursor 或 next;留空则从头开始。"},
    {"events.webhook_failed", "The webhook {field} did not take its events: {wanted}.", "webhook {field} 未接收事件:{wanted}。", "Repair the receiver; nothing is lost and delivery resumes by itself.", "请修复接收方;事件不会丢失,恢复后自动继续。"},
    {"events.webhook_name", "A webhook's name is 1 to 64 of a-z, 0-9, underscore and hyphen.", "webhook 名称为 1 至 64 个 a-z、0-9、下划线或连字符。", "Choose another name.", "请更换名称。"},
    {"events.webhook_secret", "The webhook {field} has no secret of at least {left} bytes.", "webhook {field} 没有至少 {left} 字节的密钥。", "Write a secret into its file (openssl rand -hex 32) with mode 0600.", "请将密钥写入文件(openssl rand -hex 32),权限 0600。"},
    {"events.webhook_tls", "The CA file of the webhook {field} cannot be used: {wanted}.", "webhook {field} 的 CA 文件无法使用:{wanted}。", "Give a PEM file with the receiver's CA.", "请提供接收方 CA 的 PEM 文件。"},
    {"events.webhook_twice", "Two webhooks are named {wanted}.", "有两个 webhook 同名:{wanted}。", "Give each its own name.", "请使用不同名称。"},
    {"events.webhook_url", "{field} is not an http:// or https:// address.", "{field} 不是 http:// 或 https:// 地址。", "Write it as https://host:port/path.", "请写成 https://主机:端口/路径。"},
};
const std::size_t kApiMessageCount = sizeof(kApiMessages) / sizeof(kApiMessages[0]);

}  // namespace taxgate
