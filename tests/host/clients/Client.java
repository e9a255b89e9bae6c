// A client as they are written in Java: HttpClient, which would like to speak HTTP/2, and the older HttpURLConnection.

import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Client {
    static String base;
    static String token;
    static final HttpClient client = HttpClient.newHttpClient();

    static URI uri(String function) {
        return URI.create(base + "/" + function + "/version/v1");
    }

    static HttpResponse<String> post(String function, String type, HttpRequest.BodyPublisher body, boolean ask) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(uri(function))
            .header("X-HD-apitoken", token)
            .header("Content-Type", type)
            .expectContinue(ask)
            .POST(body)
            .build();
        return client.send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
    }

    static String call(String function, String json) throws Exception {
        HttpResponse<String> response =
            post(function, "application/json; charset=utf-8", HttpRequest.BodyPublishers.ofString(json), false);
        is(response.body().contains("\"code\":\"" + response.statusCode() + "\""), response.body());
        return response.body();
    }

    static void is(boolean fact, String said) {
        if (!fact) {
            throw new AssertionError(said);
        }
    }

    static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\":\"?([^\",}]*)").matcher(json);
        is(found.find(), json);
        return found.group(1);
    }

    static void await(String process) throws Exception {
        for (int turn = 0; turn < 600; turn += 1) {
            String answer = call("api/checkcsvimportprocess", "{\"processId\":\"" + process + "\"}");
            if (member(answer, "processStatus").equals("complete")) {
                is(member(answer, "succeedCount").equals("1"), answer);
                return;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("the import does not end");
    }

    static byte[] multipart(String boundary, Charset charset) {
        String body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n"
            + "{\"dbSchemaId\":\"100201\",\"importId\":\"100401\"}\r\n--" + boundary + "\r\n"
            + "Content-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
            + "髙橋商店,1,2026/05/01\r\n--" + boundary + "--\r\n";
        return body.getBytes(charset);
    }

    public static void main(String[] words) throws Exception {
        base = words[0];
        token = words[1];
        String key = member(call("apirecord/regist", "{\"dbSchemaId\":100201,\"values\":{\"100304\":\"日本\"}}"), "keyId");
        String view = "{\"dbSchemaId\":100201,\"keyId\":\"" + key + "\",\"responseType\":1}";
        is(call("apirecord/view", view).contains("\"件名\":\"日本\""), "view");
        is(post("apirecord/view", "application/json", HttpRequest.BodyPublishers.ofString(view), true).statusCode() == 200, "ask");
        is(call("apirecord/update", "{}").contains("パラメータが不正です。"), "refusal");
        byte[] body = multipart("JavaBoundary", StandardCharsets.UTF_8);
        String type = "multipart/form-data; boundary=JavaBoundary";
        HttpResponse<String> answer = post("api/csvdataimport", type, HttpRequest.BodyPublishers.ofByteArray(body), true);
        await(member(answer.body(), "processId"));

        // The older class, in chunks and in Shift_JIS, over connections it keeps.
        for (int turn = 0; turn < 2; turn += 1) {
            HttpURLConnection connection = (HttpURLConnection) uri("api/csvdataimport").toURL().openConnection();
            connection.setRequestMethod("POST");
            connection.setDoOutput(true);
            connection.setChunkedStreamingMode(16);
            connection.setRequestProperty("X-HD-apitoken", token);
            connection.setRequestProperty("Content-Type", type);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(multipart("JavaBoundary", Charset.forName("windows-31j")));
            }
            is(connection.getResponseCode() == 200, "status");
            try (InputStream in = connection.getInputStream()) {
                await(member(new String(in.readAllBytes(), StandardCharsets.UTF_8), "processId"));
            }
        }
        HttpURLConnection connection = (HttpURLConnection) uri("apirecord/view").toURL().openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("X-HD-apitoken", "wrong");
        connection.getOutputStream().write("{}".getBytes());
        is(connection.getResponseCode() == 401, "status");
        is(new String(connection.getErrorStream().readAllBytes(), StandardCharsets.UTF_8).contains("認証"), "error");

        String csv = post("api/csvexport", "application/json", HttpRequest.BodyPublishers.ofString("{\"dbSchemaId\":100201}"), false).body();
        is(csv.startsWith("\uFEFF\"番号\","), csv);
        is(csv.split("\r\n").length == 5 && csv.contains("\"髙橋商店\""), csv);
        is(call("apirecord/delete", view).contains("\"keyId\":\"" + key + "\""), "delete");
        System.out.println("done");
    }
}
