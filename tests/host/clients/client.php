<?php
// A client as they are written in PHP: a socket, and curl where it is built in.

[, $base, $token] = $argv;
$host = parse_url($base, PHP_URL_HOST);
$port = parse_url($base, PHP_URL_PORT);
$path = parse_url($base, PHP_URL_PATH);

function is($fact, $said)
{
    if (!$fact) {
        fwrite(STDERR, print_r($said, true) . "\n");
        exit(1);
    }
}

/** Writes a request into a socket and reads to its end: JSON as it stands there, CSV out of its chunks. */
function talk($function, $type, $body)
{
    global $host, $port, $path, $token;
    $socket = fsockopen($host, $port, $number, $message, 10);
    is($socket, $message);
    stream_set_timeout($socket, 120);
    fwrite($socket, "POST $path/$function/version/v1 HTTP/1.1\r\nHost: $host\r\nX-HD-apitoken: " . trim($token) . "\r\n"
        . "Content-Type: $type\r\nContent-Length: " . strlen($body) . "\r\nCache-Control: no-cache\r\nConnection: Close\r\n\r\n");
    fwrite($socket, $body);
    $isJson = false;
    while (($line = fgets($socket)) !== false && trim($line) !== '') {
        if (stripos($line, 'content-type') === 0 && stripos($line, 'application/json') !== false) {
            $isJson = true;
        }
    }
    $text = '';
    if ($isJson) {
        while (!feof($socket)) {
            $text .= fread($socket, 8192);
        }
        fclose($socket);
        return json_decode($text, true);
    }
    while (($size = hexdec(trim(fgets($socket)))) > 0) {
        $chunk = '';
        while (strlen($chunk) < $size) {
            $chunk .= fread($socket, $size - strlen($chunk));
        }
        $text .= $chunk;
        fgets($socket);
    }
    fclose($socket);
    return $text;
}

$json = fn($function, $query) => talk($function, 'application/json', json_encode($query));

$answer = $json('apirecord/regist', ['dbSchemaId' => 100201, 'values' => ['100304' => '済', '100302' => null, '100305' => []]]);
is($answer['code'] === '200', $answer);
$key = $answer['items']['keyId'];
$answer = $json('apirecord/view', ['dbSchemaId' => '100201', 'keyId' => $key, 'responseType' => '1']);
is($answer['items']['件名'] === '済' && $answer['items']['タグ'] === [], $answer);
$answer = $json('apirecord/update', ['dbSchemaId' => '100201', 'keyId' => $key, 'values' => ['100302' => '2026/13/40']]);
is($answer['errors']['description']['header'][0]['code'] === '39', $answer);

// The CSV is in Shift_JIS, whatever is said of it; lines end with LF only; quotes are single.
$csv = mb_convert_encoding("\"髙橋商店\",\"1\",\"2026-05-01\"\r\n\"表\",\"2\",\"\"", 'sjis-win', 'UTF-8');
$lines = [
    '--boundary',
    "Content-Disposition: form-data; name='json'",
    'Content-Type: application/json',
    '',
    json_encode(['dbSchemaId' => 100201, 'importId' => 100401]),
    '--boundary',
    "Content-Disposition: form-data; name='uploadFile'; filename='uploadFile.csv'",
    'Content-Type: text/csv;charset=UTF-8',
    '',
    $csv,
    '--boundary--',
];
$answer = talk('api/csvdataimport', 'multipart/form-data; boundary=boundary;', implode("\n", $lines));
is($answer['code'] === '200', $answer);
for ($turn = 0; $turn < 600; $turn += 1) {
    $items = $json('api/checkcsvimportprocess', ['processId' => $answer['processId']])['items'];
    if ($items['nowCondition'] === 2) {
        break;
    }
    usleep(50000);
}
is($items['succeedCount'] == 2 && $items['failureCount'] == 0, $items);

$csv = $json('api/csvexport', ['dbSchemaId' => '100201', 'listId' => '100501']);
is(is_string($csv) && str_starts_with($csv, "\u{feff}\"番号\",") && str_contains($csv, '"髙橋商店"'), $csv);
is($json('api/csvexport', [])['status'] === 'error', 'an export without a database');

if (function_exists('curl_init')) {
    $curl = curl_init("$base/apirecord/view/version/v1");
    curl_setopt_array($curl, [
        CURLOPT_POST => true,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_HTTPHEADER => ["X-HD-apitoken: $token", 'Content-Type: application/json'],
        CURLOPT_POSTFIELDS => json_encode(['dbSchemaId' => 100201, 'keyId' => $key, 'padding' => str_repeat('x', 2000000)]),
    ]);
    $answer = json_decode(curl_exec($curl), true);
    is($answer['code'] === '200', $answer);
} else {
    echo "curl is not built in\n";
}

$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => "X-HD-apitoken: $token\r\nContent-type: application/json\r\n",
    'content' => json_encode(['dbSchemaId' => 100201, 'keyId' => $key]),
    'ignore_errors' => true,
]]);
$answer = json_decode(file_get_contents("$base/apirecord/delete/version/v1", false, $context), true);
is($answer['items']['keyId'] === $key, $answer);
echo "done\n";
