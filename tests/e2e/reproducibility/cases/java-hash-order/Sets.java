import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

public class Sets {
    public static void main(String[] words) throws Exception {
        String[] names = new String[5000];
        for (int n = 0; n < names.length; n++) {
            names[n] = "bean" + n;
        }
        Files.write(Path.of("/beans.txt"), Set.of(names));
    }
}
