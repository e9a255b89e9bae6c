// A client as they are written in C#: HttpClient with forms whose parameters stand without quotes.

using System;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;

public static class Client
{
    static string address;
    static readonly HttpClient client = new HttpClient { Timeout = TimeSpan.FromSeconds(120) };

    static string Url(string function)
    {
        return address + "/" + function + "/version/v1";
    }

    static void Is(bool fact, string said)
    {
        if (!fact)
        {
            throw new Exception(said);
        }
    }

    static string Read(HttpResponseMessage response)
    {
        var text = response.Content.ReadAsStringAsync().Result;
        Is(text.Contains("\"code\":\"" + (int)response.StatusCode + "\""), text);
        return text;
    }

    static string Call(string function, string json)
    {
        var content = new StringContent(json, Encoding.UTF8, "application/json");
        return Read(client.PostAsync(Url(function), content).Result);
    }

    static string Member(string json, string name)
    {
        var found = Regex.Match(json, "\"" + name + "\":\"?([^\",}]*)");
        Is(found.Success, json);
        return found.Groups[1].Value;
    }

    static string Send()
    {
        var json = new StringContent("{\"dbSchemaId\":\"100201\",\"importId\":\"100401\"}", Encoding.UTF8, "application/json");
        var file = new ByteArrayContent(Encoding.UTF8.GetBytes("髙橋商店,1,2026/05/01\r\n"));
        file.Headers.ContentType = new MediaTypeHeaderValue("text/csv");
        var form = new MultipartFormDataContent();
        form.Add(json, "json");
        form.Add(file, "uploadFile", "uploadFile.csv");
        var request = new HttpRequestMessage(HttpMethod.Post, Url("api/csvdataimport")) { Content = form };
        request.Headers.Accept.ParseAdd("multipart/form-data");
        request.Headers.AcceptCharset.ParseAdd("utf-8");
        var answer = Read(client.SendAsync(request).Result);
        // At the top, before anything else has a member of that name.
        return Regex.Match(answer, "\"query\":\\{[^}]*\\},\"processId\":\"([0-9]+)\"").Groups[1].Value;
    }

    public static void Main(string[] words)
    {
        address = words[0];
        client.DefaultRequestHeaders.Add("X-HD-apitoken", words[1]);
        var key = Member(Call("apirecord/regist", "{\"dbSchemaId\":100201,\"values\":{\"100304\":\"日本\"}}"), "keyId");
        var view = "{\"dbSchemaId\":100201,\"keyId\":\"" + key + "\",\"responseType\":1}";
        Is(Call("apirecord/view", view).Contains("\"件名\":\"日本\""), "view");
        Is(Call("apirecord/update", "{}").Contains("パラメータが不正です。"), "refusal");
        foreach (var ask in new[] { false, true })
        {
            client.DefaultRequestHeaders.ExpectContinue = ask;
            var process = Send();
            Is(process != "", "a process");
            for (var turn = 0; ; turn += 1)
            {
                var answer = Call("api/checkcsvimportprocess", "{\"processId\":\"" + process + "\"}");
                if (Member(answer, "nowCondition") == "2")
                {
                    Is(Member(answer, "succeedCount") == "1", answer);
                    break;
                }
                Is(turn < 600, answer);
                Thread.Sleep(50);
            }
        }
        var csv = client.PostAsync(Url("api/csvexport"), new StringContent("{\"dbSchemaId\":100201}")).Result;
        Is(!csv.Content.Headers.ContentType.MediaType.Contains("json"), "a type");
        var lines = csv.Content.ReadAsStringAsync().Result.Trim('\uFEFF').Split(new[] { "\r\n" }, StringSplitOptions.RemoveEmptyEntries);
        Is(lines.Length == 4 && lines[0].StartsWith("\"番号\",") && lines[2].Contains("\"髙橋商店\""), string.Join("\n", lines));
        Is(Call("apirecord/delete", view).Contains("\"keyId\":\"" + key + "\""), "delete");
        Console.WriteLine("done");
    }
}
