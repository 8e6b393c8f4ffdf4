// Errors of the platform's wire formats: Leqi's JSON and the information table's XML.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

// Damaged answers are never proof that nothing happened: the remedy is a query, not a second submission.
const Message kWireMessages[] = {
    {"leqi.base64", "The platform's answer is not Base64.", "平台应答不是 Base64 编码。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询,请勿重复提交。"},
    {"leqi.cipher", "The platform's answer cannot be decrypted.", "平台应答无法解密。",
     "Compare the SM4 key of this channel with the one the platform issued.",
     "请核对本渠道的 SM4 密钥与平台下发的是否一致。"},
    {"leqi.utf8", "The platform's answer is not UTF-8 text.", "平台应答不是 UTF-8 文本。",
     "Compare the SM4 key of this channel with the one the platform issued.",
     "请核对本渠道的 SM4 密钥与平台下发的是否一致。"},
    {"leqi.envelope", "The platform's answer has not the agreed outer form.", "平台应答的外层格式不符。",
     "Nothing to do: the outcome is being queried. If it repeats, check the platform's address.",
     "无需操作:系统正在查询。如反复出现,请检查平台地址。"},
    {"leqi.json", "The platform's answer is not the JSON that was agreed.", "平台应答不是约定的 JSON。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询,请勿重复提交。"},
    {"leqi.field", "The field {field} of the platform's message is missing or has the wrong form.",
     "平台报文的字段 {field} 缺失或格式错误。",
     "Report the field to the maintainer: the platform may have changed its format.",
     "请将该字段告知维护人员:平台格式可能已变更。"},
    {"leqi.signature_value", "The signature field of a request is damaged (part: {field}).",
     "请求的签名字段已损坏(部分:{field})。", "Sign again and send the field unchanged.",
     "请重新签名并原样发送该字段。"},
    {"table.gbk", "{field}: GBK, the information table's character set, has no {wanted}.",
     "{field}:信息表使用的 GBK 字符集中没有字符 {wanted}。",
     "Use the name as it is registered with the tax bureau, without this character.",
     "请使用税务登记的名称,不要使用该字符。"},
    {"table.gbk_bytes", "The information table is not GBK text ({wanted}).", "信息表不是 GBK 文本({wanted})。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询,请勿重复提交。"},
    {"table.field", "The field {field} of the information table is missing or has the wrong form.",
     "信息表的字段 {field} 缺失或格式错误。",
     "Correct the field; the device number has 12 digits, the request number 24.",
     "请更正该字段;设备编号为 12 位数字,请求流水号为 24 位数字。"},
    {"table.xml", "The information table is not the XML that was agreed.", "信息表不是约定的 XML。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询,请勿重复提交。"},
};
const std::size_t kWireMessageCount = std::size(kWireMessages);

}  // namespace taxgate
